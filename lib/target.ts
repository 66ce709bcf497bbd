/** Node on Linux reports the glibc it runs on; without one, it runs on musl. */
function usesMusl(): boolean {
  const { report } = process;
  if (process.platform !== "linux" || report === undefined) return false;
  // The report may be in use by the application: its setting is put back. Looking up the names of
  // every connected peer, which it does otherwise, can take seconds.
  const settings = report as typeof report & { excludeNetwork?: boolean };
  const { excludeNetwork } = settings;
  settings.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined;
  } catch {
    // Deno makes no report without --allow-sys; there is none for musl.
    return false;
  } finally {
    if (excludeNetwork !== undefined) settings.excludeNetwork = excludeNetwork;
  }
}

/** The name of this platform's binary: `<platform>-<arch>`, with `-musl` where libc is musl. */
export function currentTarget(): string {
  return `${process.platform}-${process.arch}${usesMusl() ? "-musl" : ""}`;
}
