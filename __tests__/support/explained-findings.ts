/** What the official definitions do not allow and the local Azure does all the same, because Azure does. */
const explained: readonly { readonly finding: RegExp; readonly reason: string }[] = [
  {
    finding: /answer \d+ OBJECT_ADDITIONAL_PROPERTIES .*networkAcls\/ipv6Rules/,
    reason:
      'Azure sends networkAcls.ipv6Rules, which the definition of 2023-05-01 does not know: Azure/azure-cli test_storage_container_using_rm_main_scenario.',
  },
  {
    finding: /answer 200 ENUM_CASE_MISMATCH .*Enum does not match case for: FULL/,
    reason:
      'Azure sends the permissions of an account key as FULL, the definition has Full: Azure/azure-cli test_storage_blob_socket_timeout.',
  },
  {
    finding: /request INVALID_TYPE \/query\/\w+ Expected type integer but found type string/,
    reason: 'A query holds texts only; the check takes them as they are.',
  },
  {
    finding: /answer 403 OBJECT_ADDITIONAL_PROPERTIES \/error\/additionalInfo/,
    reason:
      'A policy that refuses is named in additionalInfo: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-policy-requestdisallowedbypolicy.',
  },
  {
    finding: /answer 429 OBJECT_ADDITIONAL_PROPERTIES \/(?:code|message|details) /,
    reason:
      'Compute throttles with an error that is not wrapped: https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshooting-throttling-errors.',
  },
  {
    finding: /answer 4\d\d INVALID_RESPONSE_CODE/,
    reason:
      'The definitions of disks and snapshots list no errors, which Azure answers all the same: Azure/azure-cli test_vm_snapshot_copy_start_detection, Azure/azure-sdk-for-net IncrementalSnapshot_CRUD_EmptyDisk.',
  },
];

/** Why a finding is none; undefined for one that is. */
export function explainFinding(finding: string): string | undefined {
  return explained.find((entry) => entry.finding.test(finding))?.reason;
}
