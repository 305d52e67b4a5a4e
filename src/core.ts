/** What the library is everywhere, in Node and in browsers: models, pictures in memory, protection, keys and recovery. */

// Pictures
export { encodeImage, type ImageFormat, readImage, resizeImage } from '#codec'
// Settings
export { type Recipe, recipeSchema } from './config/recipe.ts'
export { loadTaskRecipe } from './config/task-recipe.ts'
// Energies
export { type ImageEnergy, imageEnergy, type OriginalFace, sumPerImage } from './energies/image-energy.ts'

// Faces
export { type Alignment, align } from './faces/alignment.ts'
export { type DetectOptions, detectFaces, type Face } from './faces/detect.ts'
export {
  loadRecognizer,
  loadThresholds,
  type RecognizerName,
  type RecognizerThreshold,
  recognizerNames,
} from './faces/recognizers.ts'
export type { Point } from './faces/template.ts'
export { fromTensor, type Image, toTensor } from './images/image.ts'
// Keys
export type { Decryption, Encryption } from './keys/age.ts'
export { checkPicture, type FaceKey, KeyError, type KeyProblem, type PhotoKey, pictureHash } from './keys/key.ts'
export { type KeyOptions, keyBytes, parseKey } from './keys/key-file.ts'
export { type Recognizer, unit } from './models/recognizers/recognizer.ts'
// Protection
export { type Checker, checkFace, embedViews, loadChecker, passes, viewOf } from './pipeline/check-result.ts'
export {
  assemblePhoto,
  composePhoto,
  type FaceSample,
  type ProtectedFace,
  type ProtectedPhoto,
  photoKey,
} from './pipeline/compose-photo.ts'
export type { ExtraEnergy } from './pipeline/energies.ts'
export type { OpenFace, VersionOptions } from './pipeline/face.ts'
export { type FaceModel, loadModel } from './pipeline/model.ts'
export { type OpenRecipe, type OpenRecipeOptions, openRecipe } from './pipeline/open.ts'
export type { Fallback, ProtectPhotoOptions } from './pipeline/photo.ts'
export { cutFaces, openPhotoFace, type PhotoFace, type UnboundKey } from './pipeline/photo-face.ts'
export {
  type FaceReport,
  NoFaceError,
  type PhotoReport,
  type PhotoSearch,
  searchPhoto,
} from './pipeline/photo-report.ts'
export type { PrepareOptions } from './pipeline/prepare-face.ts'
export { type Recovery, recoverFromKey } from './pipeline/recover-photo.ts'
export { UserError } from './util/errors.ts'
// Random numbers, and errors
export { freshSecret, type Randomness, RandomStream, type Secret } from './util/random.ts'
