import { beforeAll, expect, test } from 'vitest'
import { loadRecipe } from '../../src/config/recipe.ts'
import { type DemoMetrics, type DemoPictures, demoReport, type MeasuredVersion } from '../../src/report/demo-report.ts'

const pixel = 'data:image/png;base64,iVBORw0KGgo='
const threshold = { threshold: 0.5, far: 0.001, tar: 0.9, tarInterval: [0.88, 0.92] as [number, number] }
const calibrated = { ...threshold, genuinePairs: 10, impostorPairs: 20, made: 'a fixture' }
const box = { x: 10, y: 20, width: 30, height: 40 }
const name = 'me & <you>.jpg'

const version = (kind: MeasuredVersion['kind'], title: string, cosine: number): MeasuredVersion => ({
  kind,
  title,
  similarity: { dlib: cosine, faceres: cosine - 0.1, mobilefacenet: cosine - 0.2 },
  detected: title !== 'anonymized 2',
  ...(kind === 'recovered' && { psnr: 26.54 }),
})

const face = (index: number) => ({
  photo: name,
  face: index,
  box,
  seconds: { anonymize: 20, hide: 10.5 },
  versions: [
    version('anonymized', 'anonymized 1', 0.1),
    version('anonymized', 'anonymized 2', 0.55),
    version('hidden', 'hidden', 0.95),
    version('recovered', 'recovered', 0.9),
    version('wrongKey', 'wrong key', 0),
  ],
})

let metrics: DemoMetrics
const pictures: DemoPictures = {
  faces: Array.from({ length: 2 }, () => Array.from({ length: 6 }, () => pixel)),
  photos: [
    {
      name,
      width: 200,
      height: 100,
      faces: [
        { face: 0, box },
        { face: 1, box },
      ],
      pictures: ['original', 'anonymized 1', 'hidden', 'recovered'].map(title => ({ title, uri: pixel })),
    },
  ],
}
let report: string

beforeAll(async () => {
  metrics = {
    model: { name: 'tiny', sha256: 'f'.repeat(64) },
    backend: 'wasm',
    jobs: 2,
    firstProtected: 31.4,
    recipes: { anonymize: await loadRecipe('anonymize'), hide: await loadRecipe('hide') },
    thresholds: { dlib: calibrated, faceres: calibrated, mobilefacenet: calibrated },
    planned: 2,
    faces: [face(0), face(1)],
  }
  report = demoReport(metrics, pictures)
})

const count = (pattern: RegExp) => report.match(pattern)?.length ?? 0

test('a row for each face with all its versions, and the photos with the faces marked', () => {
  expect(count(/<article class="face">/g)).toBe(2)
  expect(count(/alt="face \d, /g)).toBe(2 * 6)
  expect(count(/<div class="frame">/g)).toBe(4)
  expect(count(/class="mark" style="left:5.00%;top:20.00%;width:15.00%;height:40.00%"/g)).toBe(4 * 2)
})

test('each decision follows its threshold, and is good or bad by what is wanted', () => {
  const row = (title: string) => report.match(new RegExp(`<th scope="row">${title}</th>.*?</tr>`, 's'))![0]
  // 0.1, 0.0, -0.1: all rejected, as wanted.
  expect(row('anonymized 1').match(/class="good">rejected/g)).toHaveLength(3)
  // 0.55 is above the threshold, 0.45 and 0.35 are not; the detector did not find it.
  expect(row('anonymized 2')).toMatch(/0\.550 <span class="bad">accepted.*0\.450 <span class="good">rejected/s)
  expect(row('anonymized 2')).toContain('<td class="edge">no</td>')
  expect(row('recovered')).toMatch(/class="good">accepted.*26\.5 dB/s)
})

test('the summary counts and averages each kind', () => {
  const row = report.match(/<th scope="row">Anonymized<.*?<\/tr>/s)![0]
  expect(row).toContain('0.325 <span class="bad">2 of 4</span>')
  expect(row).toContain('0.225 <span class="good">0 of 4</span>')
  expect(row).toContain('2 of 4 <small>50 %</small>')
})

test('the guide and the judges stand under different heads', () => {
  expect(count(/Guide, white box/g)).toBe(2)
  expect(count(/colspan="2" class="edge">Judges, black boxes/g)).toBe(2)
})

test('another guide is the white box, and dlib a judge', () => {
  const { anonymize } = metrics.recipes
  const recipes = { ...metrics.recipes, anonymize: { ...anonymize, guide: 'faceres' as const } }
  const heads = demoReport({ ...metrics, recipes }, pictures).match(/<th scope="col" class="edge">\w+/g)!
  expect(heads.map(head => head.slice(head.indexOf('>') + 1))).toEqual(['faceres', 'dlib', 'faceres', 'dlib'])
})

test('it is whole in itself: pictures are data: URIs, nothing is loaded, no script', () => {
  expect(report).not.toMatch(/https?:|<script|<link|@import|url\(/)
  for (const [, source] of report.matchAll(/src="([^"]*)"/g)) expect(source).toMatch(/^data:image\//)
})

test('names are escaped', () => {
  expect(report).toContain('me &amp; &lt;you&gt;.jpg')
  expect(report).not.toContain('<you>')
})

test('a report that is not finished says so', () => {
  expect(report).not.toContain('role="status"')
  expect(demoReport({ ...metrics, planned: 5 }, pictures)).toContain('2 of 5 faces are done')
})
