import { listOf } from '../errors.ts';
import { planPower } from '../plan.ts';
import { notFound } from './lookups.ts';
import type { Rule } from './rule.ts';

const compute = 'https://learn.microsoft.com/azure/virtual-machines';

/** Rules on the VM. */
export const vmRules: readonly Rule[] = [
  {
    id: 'vm-present',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/virtual-machines/get',
    look: ({ inputs, survey }) =>
      notFound(
        survey.vm,
        `VM "${inputs.vm.name}" in resource group "${inputs.vm.resourceGroup}" of subscription "${inputs.vm.subscriptionId}"`,
        'Check "vm-name", "resource-group" and "subscription-id".',
      ),
  },
  {
    id: 'vm-settled',
    level: 'refusal',
    source: `${compute}/states-billing`,
    look: ({ vm }) =>
      vm && !['Succeeded', 'Failed'].includes(vm.provisioningState)
        ? [
            `VM "${vm.name}" is in provisioning state "${vm.provisioningState}": another operation works on it. Wait for its end and run again.`,
          ]
        : [],
  },
  {
    id: 'vm-in-transition',
    level: 'refusal',
    source: `${compute}/states-billing`,
    look: ({ vm }) =>
      vm && ['starting', 'stopping', 'deallocating'].includes(vm.powerState)
        ? [`VM "${vm.name}" is ${vm.powerState}. Wait until it runs or is stopped and run again.`]
        : [],
  },
  {
    id: 'crash-consistent',
    level: 'refusal',
    source: `${compute}/linux/download-vhd`,
    look: ({ vm, inputs }) =>
      vm !== undefined &&
      !['stopped', 'deallocated'].includes(vm.powerState) &&
      inputs.generalize === 'none' &&
      inputs.sourcePower === 'deallocate'
        ? [
            `VM "${vm.name}" is ${vm.powerState}: with "generalize: none" a snapshot of it is only crash-consistent. Stop it first, or set "source-power: restart" (stopped for the snapshots and started again) or "source-power: keep" (taken as it runs).`,
          ]
        : [],
  },
  {
    id: 'generalized-but-specialized-asked',
    level: 'refusal',
    source: `${compute}/generalize`,
    look: ({ vm, inputs }) =>
      vm?.isGeneralized === true && inputs.generalize === 'none'
        ? [
            `VM "${vm.name}" is marked generalized: it gives no specialized image. Leave "generalize" out, or set "generalize: mark".`,
          ]
        : [],
  },
  {
    id: 'confidential-vm',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/confidential-computing/confidential-vm-faq',
    look: ({ vm }) =>
      vm?.securityType === 'ConfidentialVM'
        ? [
            `VM "${vm.name}" is a confidential VM: a VHD of its disk does not boot anywhere else. Capture it into a gallery instead.`,
          ]
        : [],
  },
  {
    id: 'trusted-launch',
    level: 'warning',
    source: `${compute}/trusted-launch`,
    look: ({ vm }) =>
      vm?.securityType === 'TrustedLaunch'
        ? [
            `VM "${vm.name}" has Trusted Launch: its vTPM and secure boot state are not part of the VHD. The VHD serves generation 2 images of the standard security type or "TrustedLaunchSupported".`,
          ]
        : [],
  },
  {
    id: 'encryption-at-host',
    level: 'note',
    source: `${compute}/disk-encryption`,
    look: ({ vm }) =>
      vm?.isEncryptedAtHost === true
        ? [
            `VM "${vm.name}" is encrypted at its host, which does not show in an export: its VHD is encrypted by the storage account alone. Ask for encryption at host again where VMs are made of it.`,
          ]
        : [],
  },
  {
    id: 'extensions',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-sig-images',
    look: ({ vm, inputs }) =>
      vm !== undefined &&
      vm.extensions.length > 0 &&
      inputs.batchAccount === undefined &&
      inputs.source === 'vm' &&
      !planPower(inputs, vm).removeExtensions
        ? [
            `VM "${vm.name}" has extensions (${listOf(vm.extensions)}): Batch wants images without any. Remove them before the capture, or set "remove-extensions: true".`,
          ]
        : [],
  },
  {
    id: 'scale-set',
    level: 'warning',
    source:
      'https://learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-orchestration-modes',
    look: ({ vm }) =>
      vm?.scaleSetId === undefined
        ? []
        : [
            `VM "${vm.name}" belongs to scale set "${vm.scaleSetId}", which may replace it while it is captured. Take a VM of its own, or keep the scale set from acting for the run.`,
          ],
  },
  {
    id: 'purchase-plan',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-sig-images',
    look: ({ vm }) =>
      vm?.plan === undefined
        ? []
        : [
            `VM "${vm.name}" comes from a Marketplace image: who uses the VHD must name its purchase plan "${vm.plan.publisher}:${vm.plan.product}:${vm.plan.name}" (it is in the manifest).`,
          ],
  },
];
