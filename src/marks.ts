/** What marks the things that a run makes: tags of snapshots, metadata of blobs. Nothing without the key is ever deleted. */
export const KEY_TAG = 'vm-to-vhd-key';
export const KEY_METADATA = 'vmtovhd_key';
/** `copying`, and `complete` only when a VHD is copied and verified. */
export const STATE_METADATA = 'vmtovhd_state';
export const DISK_METADATA = 'vmtovhd_disk';
/** Unique ID of the snapshot that it was copied from. */
export const SNAPSHOT_METADATA = 'vmtovhd_snapshot';
