/** What marks the things that a run makes: tags of snapshots, metadata of blobs. Nothing without the key is ever deleted. */
export const KEY_TAG = 'vm-to-vhd-key';
/** ISO 8601: before it the run may live. From its start and the life of its SAS. */
export const EXPIRES_TAG = 'vm-to-vhd-expires';
/** ISO 8601, on the parts of a copy of a VM: when their run began. Networks do not tell when they were made. */
export const MADE_TAG = 'vm-to-vhd-made';
/** `true` on snapshots that the run was told to keep. */
export const KEPT_TAG = 'vm-to-vhd-kept';
/** `true` on snapshots of a VM that is generalized, and so cannot run any more. */
export const GENERALIZED_TAG = 'vm-to-vhd-generalized';
/** On the snapshot by which a run claims a VM: `hash of the VM's ID/job/step`. */
export const CLAIM_TAG = 'vm-to-vhd-claim';
/** Beside it: the URL of the lock blob whose lease lives as long as the run does. */
export const LOCK_TAG = 'vm-to-vhd-lock';
export const KEY_METADATA = 'vmtovhd_key';
/** `copying`, and `complete` only when a VHD is copied and verified; `lock` for a blob whose lease is a lock. */
export const STATE_METADATA = 'vmtovhd_state';
export const DISK_METADATA = 'vmtovhd_disk';
/** ISO 8601, while it is copied: the end of the SAS that it is copied from. On a lock, of its run. */
export const EXPIRES_METADATA = 'vmtovhd_expires';
/** Unique ID of the snapshot that it was copied from. */
export const SNAPSHOT_METADATA = 'vmtovhd_snapshot';
/** `owner/repository/run/job/step/attempt`: whose it is, also when the run is dead. */
export const RUN_METADATA = 'vmtovhd_run';
/** CRC-64 of the whole VHD, where it is known: 16 hex digits. */
export const CRC64_METADATA = 'vmtovhd_crc64';
/** Tags that a user puts on a VM, with the value `protected`, so that nothing one-way is done to it. Azure reserves names that begin with `azure`, but not everywhere. */
export const PROTECTED_TAGS = ['vm-to-vhd', 'azure-vm-to-vhd'];
