// The Functions app, on Flex Consumption.
param name string
param planName string
param location string
param tags object
param identityName string
param storageName string
param packageContainerName string
param vaultName string
param secretNames { runComfyApiToken: string, webhook: string, previousWebhook: string, linkSigningKey: string, previousLinkSigningKey: string }

@description('Whether the previous secret exists, and also signs.')
param webhookSecretRotates bool

@description('Whether the previous key of signed links exists, and its links stay valid.')
param linkSigningKeyRotates bool

param componentName string

@description('The scheduler of Durable. Empty: Durable runs on storage.')
param schedulerName string

param schedulerHubName string

@description('The network of the app. Empty: none.')
param networkName string

param maximumInstanceCount int
param alwaysReadyForUploads int
param maxJobsPerDay int
param maxSpendPerDay int
param maxInFlight int

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' existing = if (!empty(schedulerName)) {
  name: schedulerName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(networkName)
      ? null
      : resourceId('Microsoft.Network/virtualNetworks/subnets', networkName, 'app')
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${packageContainerName}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
      runtime: { name: 'dotnet-isolated', version: '10.0' }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyForUploads == 0 ? [] : [{ name: 'blob', instanceCount: alwaysReadyForUploads }]
      }
    }
  }
}

func secret(vaultUri string, name string) string => '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/${name})'

var onScheduler = empty(schedulerName)
  ? {}
  : {
      DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${scheduler!.properties.endpoint};Authentication=ManagedIdentity;ClientID=${identity.properties.clientId}'
      TASKHUB_NAME: schedulerHubName
      // The Scheduler purges instances 30 days after their end, so the app must delete its own data of a job earlier.
      Pipeline__KeepFor: '25.00:00:00'
    }
var whileRotating = webhookSecretRotates
  ? { Webhooks__PreviousSecret: secret(vault.properties.vaultUri, secretNames.previousWebhook) }
  : {}
var whileLinkKeyRotates = linkSigningKeyRotates
  ? { Links__PreviousSigningKey: secret(vault.properties.vaultUri, secretNames.previousLinkSigningKey) }
  : {}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    {
      // The address / shows the app's page instead of the platform's.
      AzureWebJobsDisableHomepage: 'true'
      AzureWebJobsStorage__accountName: account.name
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identity.properties.clientId
      AZURE_CLIENT_ID: identity.properties.clientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identity.properties.clientId}'
      Storage__Blobs: account.properties.primaryEndpoints.blob
      RunComfy__ApiToken: secret(vault.properties.vaultUri, secretNames.runComfyApiToken)
      Webhooks__Secret: secret(vault.properties.vaultUri, secretNames.webhook)
      Links__SigningKey: secret(vault.properties.vaultUri, secretNames.linkSigningKey)
      Pipeline__MaxJobsPerDay: string(maxJobsPerDay)
      Pipeline__MaxSpendPerDay: string(maxSpendPerDay)
      Pipeline__MaxInFlight: string(maxInFlight)
      // RunComfy can't reach storage behind a private endpoint.
      Assets__Delivery: empty(networkName) ? 'auto' : 'inline'
    },
    onScheduler,
    whileRotating,
    whileLinkKeyRotates
  )
}

// Deployments use an identity too.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output url string = 'https://${app.properties.defaultHostName}'
