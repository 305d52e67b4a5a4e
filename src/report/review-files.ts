/** Writes the page on which a run is reviewed, beside its results. */
import { existsSync } from 'node:fs'
import { extname, join, relative, resolve, sep } from 'node:path'
import type { Recipe } from '../config/recipe.ts'
import { formatOfExtension } from '../images/format.ts'
import type { OtherEntry } from '../pipeline/survey.ts'
import { writeFileAtomic } from '../util/atomic-write.ts'
import { readRegularText } from '../util/regular-file.ts'
import type { PhotoEnd } from './protect-summary.ts'
import { entriesOf, type ReviewEntry, reviewPage } from './review-page.ts'

/** Formats that browsers show. */
const shown: ReadonlySet<string | undefined> = new Set(['jpeg', 'png', 'webp', 'gif', 'avif', 'bmp'])

/**
 * Writes the page to `path`, with what the page that is there says of earlier results that are there still. It is readable to its
 * owner alone: it names the originals.
 * @throws UserError when it cannot be written
 */
export async function writeReview(
  path: string,
  task: Recipe['task'],
  photos: readonly PhotoEnd[],
  others: readonly OtherEntry[],
  summary: readonly string[],
): Promise<void> {
  const folder = resolve(path, '..')
  const done: ReviewEntry[] = [
    ...photos.map(({ path, paths, report, refused }): ReviewEntry => {
      const original = shown.has(formatOfExtension(extname(path))) ? addressFrom(folder, path) : undefined
      const versions = paths.map(version => addressFrom(folder, version))
      if (refused !== undefined) return { task, name: path, state: 'refused', reason: refused }
      if (report?.faces.length === 0)
        return {
          task,
          name: path,
          state: 'left out',
          original,
          report,
          reason: 'No face was found: nothing was written.',
        }
      return { task, name: path, state: 'done', original, versions, ...(report && { report }) }
    }),
    ...others.map(
      ({ path, reason, refused }): ReviewEntry => ({
        task,
        name: path,
        state: refused ? 'refused' : 'left out',
        reason,
      }),
    ),
  ]
  const written = new Set(done.flatMap(({ versions = [] }) => versions))
  const earlier = entriesOf(await readRegularText(path).catch(() => '')).filter(
    ({ versions = [] }) =>
      versions.length > 0 &&
      versions.every(version => !written.has(version) && existsSync(join(folder, decodeURIComponent(version)))),
  )
  await writeFileAtomic(path, reviewPage({ entries: [...done, ...earlier], summary }), { mode: 0o600 })
}

/** A file's address from a folder, so that both can be moved together. */
function addressFrom(folder: string, path: string): string {
  return relative(folder, resolve(path)).split(sep).map(encodeURIComponent).join('/')
}
