/** Nobody can guess it, who has not been told: 128 bits, as decimal digits. */
export function newId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("");
}
