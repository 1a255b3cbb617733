// @peculiar/x509 loads tsyringe, which asks Reflect for metadata; nothing ever sets any, so there is none to find.
for (const name of ['getMetadata', 'getOwnMetadata']) {
  if (!(name in Reflect)) {
    Object.defineProperty(Reflect, name, { value: () => undefined, configurable: true });
  }
}
