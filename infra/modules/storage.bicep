// One account for everything: uploads, videos, the app's documents, and the data of Durable and the Functions host.
param name string
param location string
param tags object
param packageContainerName string
param eventDeadLetterContainerName string

@description('Allows only private endpoints, Azure\'s own services and allowedIpRanges.')
param isolated bool

param allowedIpRanges string[]
param coolVideosAfterDays int
param deleteVideosAfterDays int
param deleteUploadsAfterDays int

// Containers.cs lists the app's containers.
var containers = ['uploads', 'images', 'videos', 'ledger', 'jobs', 'quota', 'learned', 'batches', 'subscriptions', 'dead-letters', 'keys']

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    // A hierarchical namespace does not support index tags, and each video has its job's id as a tag.
    isHnsEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      // Event Grid writes undelivered events here.
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
      ipRules: [for range in isolated ? allowedIpRanges : []: { action: 'Allow', value: range }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    deleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for container in concat(containers, [packageContainerName, eventDeadLetterContainerName]): {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

var coolVideos = coolVideosAfterDays == 0
  ? {}
  : { tierToCool: { daysAfterModificationGreaterThan: coolVideosAfterDays } }
var deleteVideos = deleteVideosAfterDays == 0
  ? {}
  : { delete: { daysAfterModificationGreaterThan: deleteVideosAfterDays } }

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: concat(
        [
          rule(
            'forget-undelivered-events',
            eventDeadLetterContainerName,
            { delete: { daysAfterModificationGreaterThan: 30 } }
          )
        ],
        coolVideosAfterDays == 0 && deleteVideosAfterDays == 0
          ? []
          : [rule('age-videos', 'videos', union(coolVideos, deleteVideos))],
        deleteUploadsAfterDays == 0
          ? []
          : [
              rule(
                'delete-uploads',
                'uploads',
                { delete: { daysAfterModificationGreaterThan: deleteUploadsAfterDays } }
              )
            ]
      )
    }
  }
}

func rule(name string, container string, actions object) object => {
  name: name
  enabled: true
  type: 'Lifecycle'
  definition: {
    filters: { blobTypes: ['blockBlob'], prefixMatch: ['${container}/'] }
    actions: { baseBlob: actions }
  }
}
