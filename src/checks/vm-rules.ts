import { listOf } from '../errors.ts';
import { planPower } from '../plan.ts';
import { notFound } from './lookups.ts';
import type { Rule } from './rule.ts';

const compute = 'https://learn.microsoft.com/azure/virtual-machines';

/** Rules on the VM. */
export const vmRules: readonly Rule[] = [
  {
    id: 'vm-present',
    about: 'The VM is there and can be read.',
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
    about: 'No other operation works on the VM.',
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
    about: 'The VM runs or is stopped, and is not on its way between the two.',
    level: 'refusal',
    source: `${compute}/states-billing`,
    look: ({ vm }) =>
      vm && ['starting', 'stopping', 'deallocating'].includes(vm.powerState)
        ? [`VM "${vm.name}" is ${vm.powerState}. Wait until it runs or is stopped and run again.`]
        : [],
  },
  {
    id: 'crash-consistent',
    about: 'A specialized image is taken of a stopped VM, unless asked for otherwise.',
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
    about: 'No specialized image is asked of a generalized VM.',
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
    about: 'The VM is not confidential.',
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
    about: 'What a VM with Trusted Launch loses.',
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
    about: 'Encryption at host, which a VHD does not have.',
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
    about: 'The VM has no extensions, which Batch does not want in an image.',
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
    about: 'No scale set may replace the VM meanwhile.',
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
    about: 'The purchase plan of a Marketplace image, which whoever uses the VHD has to name.',
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
