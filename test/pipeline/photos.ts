/** Photos for tests, cut from a sample photo of @vladmandic/face-api. */
import sharp from 'sharp'

const sample = 'node_modules/@vladmandic/face-api/demo/sample1.jpg'

/** One face, 300 x 320: the first of the photo's, or another. */
export function portrait(which: 0 | 1 | 2 = 0) {
  const left = [200, 640, 1270][which]!
  return sharp(sample)
    .extract({ left, top: which === 2 ? 0 : 150, width: 600, height: 640 })
    .resize(300, 320)
}

/** Two faces, 640 x 400. */
export function couple() {
  return sharp(sample).extract({ left: 160, top: 150, width: 1120, height: 700 }).resize(640, 400)
}

/** A picture that shows nothing. */
export function grey() {
  return sharp({ create: { width: 200, height: 200, channels: 3, background: '#808080' } })
}
