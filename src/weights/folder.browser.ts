/** Files that are provided to a browser lie in no folders. @see folder.ts */

export async function filesOf(path: string): Promise<{ prefix: string; path: string }[]> {
  return [{ prefix: '', path }]
}

export async function isFolder(_path: string): Promise<boolean> {
  return false
}

export async function fileBeside(file: string, name: string): Promise<string> {
  return file.slice(0, file.lastIndexOf('/') + 1) + name
}
