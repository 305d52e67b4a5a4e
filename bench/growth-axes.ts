/** What growth is measured along. */
export interface Axis {
  readonly name: string
  readonly title: string
  /** Of a value: 'face'. */
  readonly unit: string
  readonly values: readonly number[]
  /** Whether memory may grow with the values; time grows with all of them, in proportion at most. */
  readonly memory: 'linear' | 'flat'
}

export const axes: readonly Axis[] = [
  { name: 'faces', title: 'Faces, one after the other', unit: 'face', values: [1, 2, 4], memory: 'flat' },
  { name: 'samples', title: 'Samples of a face, at once', unit: 'sample', values: [1, 2, 4, 8], memory: 'linear' },
  { name: 'steps', title: 'Steps of guided sampling', unit: 'step', values: [3, 6, 12, 24], memory: 'flat' },
  { name: 'side', title: "Size of the model's face", unit: '64 x 64 pixels', values: [1, 4, 16], memory: 'linear' },
  { name: 'photo', title: 'Size of the photo', unit: 'megapixel', values: [0.5, 2, 8], memory: 'linear' },
]
