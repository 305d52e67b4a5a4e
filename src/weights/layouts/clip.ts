/** Where the two halves of CLIP are in published files: all of CLIP in one file, or a half by itself. */
import { nameTable } from '../names.ts'
import type { Layout } from './layout.ts'

const half = (prefix: string): Layout => ({
  tables: [nameTable([['', prefix]]), nameTable([['', '']])],
  // Indices 0, 1, 2, ... that transformers once kept among the weights.
  ignored: /(^|\.)position_ids$/,
})

/** The image encoder of openai/clip-vit-large-patch14. */
export const clipImageLayout = half('vision_model')

/** The text transformer of openai/clip-vit-large-patch14. */
export const clipTextLayout = half('text_model')
