// All Azure resources of KlingFunctions, for 'azd up'. A repeated deployment changes nothing that is up to date.
// Resources are declared directly instead of by Azure Verified Modules: every property is in the reviewed snapshot, and a build needs no registry.
targetScope = 'subscription'

@description('The name of the azd environment: part of the names of all resources.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('The region of all resources: those with Flex Consumption, and with the Durable Task Scheduler if that is the backend.')
@allowed([
  'australiaeast'
  'australiasoutheast'
  'brazilsouth'
  'canadacentral'
  'centralindia'
  'centralus'
  'eastasia'
  'eastus'
  'eastus2'
  'francecentral'
  'germanywestcentral'
  'italynorth'
  'japaneast'
  'koreacentral'
  'northcentralus'
  'northeurope'
  'norwayeast'
  'southafricanorth'
  'southcentralus'
  'southeastasia'
  'southindia'
  'spaincentral'
  'swedencentral'
  'uaenorth'
  'uksouth'
  'ukwest'
  'westcentralus'
  'westeurope'
  'westus'
  'westus2'
  'westus3'
])
@metadata({ azd: { type: 'location' } })
param location string

@description('RunComfy\'s bearer token, from your profile on runcomfy.com. Kept in the vault.')
@secure()
param runComfyApiToken string

@description('The secret that signs webhooks: whsec_ and base64 of 24 to 64 bytes. Generated at the first deployment, and kept by later ones, unless given.')
@secure()
param webhookSecret string = ''

@description('The previous webhook secret: while it is set, webhooks have both signatures.')
@secure()
param previousWebhookSecret string = ''

@description('The key that signs links without a function key: base64 of 32 to 64 bytes. Generated at the first deployment, and kept by later ones, unless given.')
@secure()
param linkSigningKey string = ''

@description('The previous signing key: while it is set, its links stay valid.')
@secure()
param previousLinkSigningKey string = ''

@description('The backend of the workflows: storage (Azure Storage), or dts (the Durable Task Scheduler). The app must be built for the same: see the README.')
@allowed(['storage', 'dts'])
param durableBackend string = 'storage'

@description('Closes storage and vault to the Internet, except for allowedIpRanges. RunComfy then can\'t fetch uploaded images by signed links, so they are sent within the paid request.')
param networkIsolation bool = false

@description('Public IPv4 addresses or CIDR ranges that may reach storage despite networkIsolation, separated by commas.')
param allowedIpRanges string = ''

@description('The cap on jobs per UTC day, each of which costs money at RunComfy; 0: no cap.')
@minValue(0)
param maxJobsPerDay int = 0

@minValue(0)
@description('The cap on US dollars for submissions per UTC day; 0: no cap.')
param maxSpendPerDay int = 0

@description('The cap on jobs that are submitted and not finished at one time; 0: no cap.')
@minValue(0)
param maxInFlight int = 0

@description('The largest number of instances of the app.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Always-ready instances for uploads, which cost money while they wait; 0: none, and the first upload after a pause starts one.')
@minValue(0)
param alwaysReadyForUploads int = 0

@description('Days after which a video moves to the cool tier; 0: never.')
@minValue(0)
param coolVideosAfterDays int = 30

@description('Days after which a video is deleted; 0: never.')
@minValue(0)
param deleteVideosAfterDays int = 0

@description('Days after which an upload is deleted; 0: never.')
@minValue(0)
param deleteUploadsAfterDays int = 0

@description('The mail address for alerts. Empty: the owners of the subscription.')
param alertEmail string = ''

@description('The monthly budget for Azure in the currency of the subscription; a mail is sent when it is exceeded. RunComfy bills separately. 0: no budget.')
@minValue(0)
param monthlyBudget int = 20

@description('The first day of the first month of the budget. It can\'t be changed, so later deployments reuse that of the first.')
param budgetStart string = '${utcNow('yyyy-MM')}-01'

@description('The deployer, who may upload files, read videos and the webhook secret, and open the dashboard of the scheduler. Empty: only the app may.')
param principalId string = deployer().objectId

@description('The type of principalId. Service principals have no user name.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = empty(deployer().?userPrincipalName) ? 'ServicePrincipal' : 'User'

var abbreviations = loadJsonContent('./abbreviations.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var dts = durableBackend == 'dts'
// Named here instead of passed between modules, so that a snapshot of a deployment is readable.
var names = {
  app: '${abbreviations.webSitesFunctions}${token}'
  component: '${abbreviations.insightsComponents}${token}'
  identity: '${abbreviations.managedIdentityUserAssignedIdentities}${token}'
  network: '${abbreviations.networkVirtualNetworks}${token}'
  scheduler: '${abbreviations.durableTaskSchedulers}${token}'
  storage: '${abbreviations.storageStorageAccounts}${token}'
  topic: '${abbreviations.eventGridSystemTopics}${token}'
  vault: '${abbreviations.keyVaultVaults}${token}'
  workspace: '${abbreviations.operationalInsightsWorkspaces}${token}'
}
var hub = '${abbreviations.durableTaskTaskHubs}klingfunctions'
var containers = {
  packages: 'app-packages'
  eventDeadLetters: 'event-dead-letters'
}
var secrets = {
  runComfyApiToken: 'runcomfy-api-token'
  webhook: 'webhook-secret'
  previousWebhook: 'previous-webhook-secret'
  linkSigningKey: 'link-signing-key'
  previousLinkSigningKey: 'previous-link-signing-key'
}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: '${abbreviations.resourcesResourceGroups}${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: names.identity
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: names.storage
    packageContainerName: containers.packages
    eventDeadLetterContainerName: containers.eventDeadLetters
    location: location
    tags: tags
    isolated: networkIsolation
    allowedIpRanges: empty(allowedIpRanges) ? [] : map(split(allowedIpRanges, ','), range => trim(range))
    coolVideosAfterDays: coolVideosAfterDays
    deleteVideosAfterDays: deleteVideosAfterDays
    deleteUploadsAfterDays: deleteUploadsAfterDays
  }
}

module events 'modules/events.bicep' = {
  scope: group
  params: {
    name: names.topic
    location: location
    tags: tags
    storageName: names.storage
    deadLetterContainerName: containers.eventDeadLetters
  }
  dependsOn: [storage]
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    name: names.vault
    secretNames: secrets
    location: location
    tags: tags
    isolated: networkIsolation
    runComfyApiToken: runComfyApiToken
    webhookSecret: webhookSecret
    previousWebhookSecret: previousWebhookSecret
    linkSigningKey: linkSigningKey
    previousLinkSigningKey: previousLinkSigningKey
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    componentName: names.component
    location: location
    tags: tags
  }
}

module scheduler 'modules/scheduler.bicep' = if (dts) {
  scope: group
  params: {
    name: names.scheduler
    hubName: hub
    location: location
    tags: tags
    identityName: names.identity
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
  }
  dependsOn: [identity]
}

module network 'modules/network.bicep' = if (networkIsolation) {
  scope: group
  params: {
    name: names.network
    endpointPrefix: '${abbreviations.networkPrivateEndpoints}${token}-'
    location: location
    tags: tags
    storageName: names.storage
    vaultName: names.vault
  }
  dependsOn: [storage, vault]
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    storageName: names.storage
    vaultName: names.vault
    componentName: names.component
    identityName: names.identity
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
  }
  dependsOn: [identity, storage, vault, monitoring]
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    name: names.app
    planName: '${abbreviations.webServerFarms}${token}'
    location: location
    tags: tags
    identityName: names.identity
    storageName: names.storage
    packageContainerName: containers.packages
    vaultName: names.vault
    secretNames: secrets
    webhookSecretRotates: !empty(previousWebhookSecret)
    linkSigningKeyRotates: !empty(previousLinkSigningKey)
    componentName: names.component
    schedulerName: dts ? names.scheduler : ''
    schedulerHubName: hub
    networkName: networkIsolation ? names.network : ''
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyForUploads: alwaysReadyForUploads
    maxJobsPerDay: maxJobsPerDay
    maxSpendPerDay: maxSpendPerDay
    maxInFlight: maxInFlight
  }
  // The app needs these roles at its first start.
  dependsOn: [roles, scheduler, network]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    prefix: '${abbreviations.insightsAlerts}${token}-'
    actionGroupName: '${abbreviations.insightsActionGroups}${token}'
    budgetName: '${abbreviations.consumptionBudgets}${token}'
    location: location
    tags: tags
    workspaceName: names.workspace
    topicName: names.topic
    email: alertEmail
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
  }
  dependsOn: [monitoring, events]
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = names.app
output AZURE_FUNCTION_APP_URL string = app.outputs.url
output AZURE_STORAGE_ACCOUNT_NAME string = names.storage
output AZURE_KEY_VAULT_NAME string = names.vault
output AZURE_EVENT_GRID_TOPIC_NAME string = names.topic
output BUDGET_START string = budgetStart
output DURABLE_BACKEND string = durableBackend
