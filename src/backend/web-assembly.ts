/** WebAssembly's interface, as much of it as is used here: TypeScript has its types only among those of browsers. */

export type Program = object

export interface Memory {
  readonly buffer: ArrayBuffer
}

export interface Global {
  value: number
}

type Constructor<Arguments extends unknown[], Instance> = new (...options: Arguments) => Instance

export const webAssembly = (globalThis as unknown as { WebAssembly: object }).WebAssembly as {
  validate(bytes: Uint8Array): boolean
  readonly Module: Constructor<[bytes: Uint8Array], Program> & {
    customSections(program: Program, name: string): ArrayBuffer[]
  }
  readonly Instance: Constructor<
    [program: Program, imports: Record<string, Record<string, unknown>>],
    { readonly exports: Readonly<Record<string, () => void>> }
  >
  readonly Global: Constructor<[type: { value: 'i32'; mutable?: boolean }, value: number], Global>
  readonly Table: Constructor<[{ initial: number; element: 'anyfunc' }], object>
}
