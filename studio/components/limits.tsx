/** What the studio does not protect against. */
export function Limits() {
  return (
    <details>
      <summary>What this protects against, and what not</summary>
      <ul>
        <li>
          Recognition by the face. The check names a recognizer that had no part in making the new face; others may
          judge otherwise.
        </li>
        <li>
          Not against being known by hair, clothes, tattoos, surroundings, text or company: these stay as they are.
        </li>
        <li>Faces that are not found stay. Look at every photo before you publish it.</li>
        <li>Location and all other metadata are gone from what you download.</li>
        <li>Whoever has a key, and its passphrase if it has one, sees the original.</li>
      </ul>
    </details>
  )
}
