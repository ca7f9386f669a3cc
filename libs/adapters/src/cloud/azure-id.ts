/** A managed image. */
export interface ManagedImage {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/** A version of an image in a gallery. */
export interface GalleryVersion {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly gallery: string;
  readonly definition: string;
  readonly version: string;
}

/** Where an image is in Azure. */
export type Place = ManagedImage | GalleryVersion;

const ID =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/(?:images\/([^/]+)|galleries\/([^/]+)\/images\/([^/]+)\/versions\/([^/]+))$/i;

/** What a resource id names; null where that is no image. */
export function parseId(id: string): Place | null {
  const [, subscription, resourceGroup, name, gallery, definition, version] = ID.exec(id) ?? [];
  if (subscription === undefined || resourceGroup === undefined) return null;
  if (name !== undefined) return { subscription, resourceGroup, name };
  if (gallery === undefined || definition === undefined || version === undefined) return null;
  return { subscription, resourceGroup, gallery, definition, version };
}

/** The resource id of a place. */
export function idOf(place: Place): string {
  const { subscription, resourceGroup } = place;
  const kind =
    'name' in place
      ? `images/${place.name}`
      : `galleries/${place.gallery}/images/${place.definition}/versions/${place.version}`;
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/${kind}`;
}

/** Azure does not tell upper case from lower case in ids, and gives back now this and now that. */
export const sameId = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** `West Europe` and `westeurope` are one region. */
export const regionKey = (region: string): string => region.toLowerCase().replaceAll(' ', '');
