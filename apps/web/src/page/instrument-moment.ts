import { signal } from '@preact/signals'

/** Which of the pictures is looked at. */
export const focus = signal(0)
/** Steps made at the moment that is looked at; `live` follows the run. */
export const moment = signal<number | 'live'>('live')
