/**
 * A graphics card made of software, for tests on machines without one: the Vulkan driver SwiftShader, which comes with
 * Chromium.
 */
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

const folders = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/opt/google/chrome',
  '/opt/chromium.org/chromium',
]

/** `RTLD_NODELETE` of `<dlfcn.h>`: stay loaded. */
const noDelete = 0x1000

/**
 * Makes Vulkan find SwiftShader, unless the environment names a driver. To be called before WebGPU is first asked for.
 *
 * @returns why there is no software adapter, or nothing.
 */
export function useSoftwareGpu(): string | undefined {
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return undefined
  const folder = folders.find((each) => existsSync(join(each, 'vk_swiftshader_icd.json')))
  if (!folder) return 'no Chromium with its software graphics card (Debian: apt-get install chromium)'
  process.env.VK_ICD_FILENAMES = join(folder, 'vk_swiftshader_icd.json')
  keepLoaded(join(folder, 'libvulkan.so.1'))
  // processes that this one starts load it by the same name
  process.env.LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, folder].filter(Boolean).join(':')
  return undefined
}

/** The Vulkan loader, which Dawn opens by its name: once it is in the process, it need not be installed. */
function keepLoaded(library: string): void {
  if (!existsSync(library)) return
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | noDelete)
  } catch {
    // it is loaded, and not an addon of Node
  }
}
