/** One line of progress that rewrites itself on a terminal, and is printed now and then elsewhere. */
export interface Progress {
  /** @param done so many of `total`; @param note what else is worth a glance. */
  update(done: number, note?: string): void
  /** Ends the line. */
  end(): void
}

/**
 * Progress on stderr with rate and time left.
 *
 * @param unit what is counted: "step", "image".
 * @param from what was done before this program began.
 */
export function progress(label: string, total: number, { unit = 'step', from = 0 } = {}): Progress {
  const terminal = process.stderr.isTTY === true
  const began = performance.now()
  let shown = Number.NEGATIVE_INFINITY
  let drawn = false
  return {
    update(done, note = '') {
      const now = performance.now()
      const last = done >= total
      if (!last && now - shown < (terminal ? 100 : 15_000)) return
      shown = now
      const seconds = (now - began) / 1000
      const rate = (done - from) / seconds
      const left = rate > 0 ? `, ${duration((total - done) / rate)} left` : ''
      const text = `${label} ${done}/${total} ${unit}s, ${rate >= 1 ? rate.toFixed(1) : rate.toPrecision(2)}/s${last ? `, ${duration(seconds)}` : left}${note && `, ${note}`}`
      process.stderr.write(
        terminal ? `\r\x1b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}` : `${text}\n`,
      )
      drawn = true
    },
    end() {
      if (terminal && drawn) process.stderr.write('\n')
    },
  }
}

/** 75 → "1m 15s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`
}
