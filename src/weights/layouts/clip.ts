import { nameTable } from '../names.ts'
import type { Layout } from './layout.ts'

/** The image encoder of openai/clip-vit-large-patch14: within all of CLIP in one file, or by itself. */
export const clipImageLayout: Layout = {
  tables: [nameTable([['', 'vision_model']]), nameTable([['', '']])],
  // Indices 0, 1, 2, ... that transformers once kept among the weights.
  ignored: /(^|\.)position_ids$/,
}
