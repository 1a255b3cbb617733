const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text as it stands in an XML element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** The text behind an XML element's content. */
export function unescapeXml(xml: string): string {
  return xml.replace(
    /&(?:amp|lt|gt|quot|apos|#(\d+)|#x([\da-fA-F]+));/g,
    (entity, decimal, hex) => {
      if (typeof decimal === 'string') {
        return String.fromCodePoint(Number(decimal));
      }
      if (typeof hex === 'string') {
        return String.fromCodePoint(Number.parseInt(hex, 16));
      }
      return Object.entries(ENTITIES).find(([, value]) => value === entity)?.[0] ?? entity;
    },
  );
}

/** The text of the first element of a name that has no attributes. */
export function readElement(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined ? undefined : unescapeXml(found);
}
