/** What the library is everywhere, in Node and in browsers: models, pictures in memory, protection, keys and recovery. */

// Pictures
export { encodeImage, readImage, resizeImage } from '#codec'
// Settings
export { guidesOf, type Recipe, recipeSchema } from './config/recipe.ts'
export { loadTaskRecipe } from './config/task-recipe.ts'
// Energies
export { type ImageEnergy, imageEnergy, type OriginalFace, sumPerImage, weightedSum } from './energies/image-energy.ts'

// Faces
export { type Alignment, align } from './faces/alignment.ts'
export { type DetectOptions, detectFaces, type Face } from './faces/detect.ts'
export { loadRecognizer, type RecognizerName, recognizerNames } from './faces/recognizers.ts'
export type { Point } from './faces/template.ts'
export { fromTensor, type Image, toTensor } from './images/image.ts'
// Keys
export type { Decryption, Encryption } from './keys/age.ts'
export { checkPicture, type FaceKey, type PhotoKey, pictureHash } from './keys/key.ts'
export { type KeyOptions, keyBytes, parseKey } from './keys/key-bytes.ts'
export { KeyError, type KeyProblem } from './keys/key-error.ts'
export { type Recognizer, unit } from './models/recognizers/recognizer.ts'
// Models, and what they do
export { type Checker, loadChecker } from './pipeline/check-result.ts'
export type { AssembledPhoto, ProtectedPhoto } from './pipeline/compose-photo.ts'
export { type ProtectOptions, protectFace } from './pipeline/face.ts'
export { type FaceModel, loadModel } from './pipeline/model.ts'
export { type Fallback, type ProtectPhotoOptions, protectPhoto } from './pipeline/photo.ts'
export { keyOfAlignedFace } from './pipeline/photo-face.ts'
export type { FaceReport, PhotoReport } from './pipeline/photo-report.ts'
export { NoFaceError } from './pipeline/photo-report.ts'
export { type Recovery, recoverFromKey, recoverPhoto } from './pipeline/recover-photo.ts'
export { UserError } from './util/errors.ts'
// Random numbers, and errors
export { freshSecret, type Randomness, RandomStream, type Secret } from './util/random.ts'
