import { cosineSchedule, linearSchedule, respace } from '@guided-diffusion/schedules'
import { expect, test } from 'vitest'
import { type DiffusionDescription, describedDiffusion } from './description.ts'
import { createDiffusion, type Prediction, type Variance } from './diffusion.ts'

const description: DiffusionDescription = {
  schedule: 'cosine',
  steps: 200,
  prediction: 'v',
  variance: 'learned-range',
}

test('a description makes the process that it describes, and its JSON the same one', () => {
  const wanted = createDiffusion({
    schedule: cosineSchedule({ steps: 200 }),
    prediction: 'v',
    variance: 'learned-range',
  })
  expect(describedDiffusion(description)).toEqual(wanted)
  expect(describedDiffusion(JSON.parse(JSON.stringify(description)))).toEqual(wanted)
})

test('a description is respaced when asked', () => {
  const { schedule } = describedDiffusion({ ...description, schedule: 'linear' }, 'ddim10')
  expect(schedule).toEqual(respace(linearSchedule({ steps: 200 }), 'ddim10'))
})

test('what does not exist is refused, with what does', () => {
  const schedule = linearSchedule({ steps: 100 })
  expect(() =>
    describedDiffusion({ ...description, schedule: 'sigmoid' as 'linear' }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[DiffusionOptionError: schedule is "sigmoid", expected 'linear' or 'cosine'.]`,
  )
  expect(() =>
    createDiffusion({ schedule, prediction: 'eps' as Prediction, variance: 'learned' }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[DiffusionOptionError: prediction is "eps", expected 'epsilon' or 'x-start' or 'v' or 'previous-x'.]`,
  )
  expect(() =>
    createDiffusion({ schedule, prediction: 'v', variance: 'small' as Variance }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[DiffusionOptionError: variance is "small", expected 'fixed-small' or 'fixed-large' or 'learned' or 'learned-range'.]`,
  )
})
