/** What the test has a browser do, bundled as a web application would bundle it. */
import {
  detectFaces,
  encodeImage,
  keyBytes,
  loadTaskRecipe,
  openRecipe,
  parseKey,
  photoKey,
  provideFiles,
  readImage,
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
  const { protectPhoto, recoverPhoto } = await openRecipe(recipe)
  const protectedPhoto = await protectPhoto(photo)
  const [changed] = protectedPhoto.photos
  const key = await photoKey(protectedPhoto, changed!, await encodeImage(changed!, 'png'))
  const read = await parseKey(await keyBytes(key, { passphrase: 'open sesame', workFactor: 4 }), 'the key', {
    passphrase: 'open sesame',
  })
  const recovered = await recoverPhoto(changed!, read.faces)
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
