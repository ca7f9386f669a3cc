/** The machine's architecture in OCI's words. */
export const architecture = (): string =>
  ({ x64: 'amd64', ia32: '386' })[process.arch as string] ?? process.arch;
