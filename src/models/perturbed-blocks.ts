/** Blocks of a noise predictor whose self-attention can be put out of work, so that every pixel sees itself alone. */
export const perturbedBlocks = ['middle', 'all'] as const

export type PerturbedBlocks = (typeof perturbedBlocks)[number]
