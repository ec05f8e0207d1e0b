import type { NetworkDescription } from './network-file.ts'
import type { ParameterSpec } from './parameters.ts'
import { completeConfig } from './unet-config.ts'
import { planEncoderUNet, planUNet } from './unet-plan.ts'

/**
 * Every tensor of a network, without making one.
 *
 * @throws ModelConfigError
 */
export function networkSpecs(network: NetworkDescription): readonly ParameterSpec[] {
  switch (network.kind) {
    case 'unet':
      return planUNet(completeConfig(network.config)).parameters
    case 'super-resolution': {
      const config = completeConfig(network.config)
      return planUNet({ ...config, inChannels: 2 * config.inChannels }).parameters
    }
    case 'classifier':
      return planEncoderUNet(completeConfig(network.config)).parameters
  }
}
