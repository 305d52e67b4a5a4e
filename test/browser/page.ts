/** What the test has a browser do, bundled as a web application would bundle it. */
import {
  detectFaces,
  encodeImage,
  guidesOf,
  keyBytes,
  loadModel,
  loadRecognizer,
  loadTaskRecipe,
  parseKey,
  pictureHash,
  protectPhoto,
  provideFiles,
  readImage,
  recoverPhoto,
  useBackend,
} from '../../src/browser.ts'

const fetched = async (path: string) => {
  const response = await fetch(`/${path}`)
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
}

/** Protects the photo and recovers it from its key. @returns what the test compares; pictures as plain lists of numbers */
async function protectAndRecover(url: string, overrides: readonly string[]) {
  provideFiles(fetched)
  const backend = await useBackend('wasm', { wasmFolder: '/node_modules/@tensorflow/tfjs-backend-wasm/dist/' })
  const photo = await readImage((await fetched(url))!)
  const faces = await detectFaces(photo)
  const recipe = await loadTaskRecipe('anonymize', overrides)
  const model = await loadModel(recipe.model)
  const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
  const { faces: made, photos } = await protectPhoto(model, guides, photo, recipe)
  const [changed] = photos
  const picture = pictureHash(await encodeImage(changed!, 'png'))
  const key = { picture, faces: made.map(({ key }) => ({ ...key, picture })) }
  const read = await parseKey(await keyBytes(key, { passphrase: 'open sesame', workFactor: 4 }), 'the key', {
    passphrase: 'open sesame',
  })
  const recovered = await recoverPhoto(async () => model, changed!, read.faces)
  return {
    backend,
    boxes: faces.map(({ box }) => box),
    photo: [...photo.data],
    changed: [...changed!.data],
    recovered: [...recovered.data],
    crop: read.faces[0]!.crop!.box,
  }
}

Object.assign(globalThis, { protectAndRecover })
