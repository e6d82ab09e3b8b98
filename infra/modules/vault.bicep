// The secrets. App settings refer to them instead of copying them.
param name string
param location string
param tags object
param secretNames { runComfyApiToken: string, webhook: string, previousWebhook: string, linkSigningKey: string, previousLinkSigningKey: string }

@description('Allows only private endpoints and Azure\'s own services.')
param isolated bool

@secure()
param runComfyApiToken string

@secure()
param webhookSecret string

@secure()
param previousWebhookSecret string

@secure()
param linkSigningKey string

@secure()
param previousLinkSigningKey string

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    softDeleteRetentionInDays: 7
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
    }
  }
}

resource token 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: secretNames.runComfyApiToken
  properties: { value: runComfyApiToken }
}

resource givenSecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (!empty(webhookSecret)) {
  parent: vault
  name: secretNames.webhook
  properties: { value: webhookSecret }
}

module generatedSecret 'generated-secret.bicep' = if (empty(webhookSecret)) {
  params: {
    vaultName: vault.name
    name: secretNames.webhook
  }
}

resource previousSecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (!empty(previousWebhookSecret)) {
  parent: vault
  name: secretNames.previousWebhook
  properties: { value: previousWebhookSecret }
}

resource givenLinkKey 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (!empty(linkSigningKey)) {
  parent: vault
  name: secretNames.linkSigningKey
  properties: { value: linkSigningKey }
}

module generatedLinkKey 'generated-secret.bicep' = if (empty(linkSigningKey)) {
  params: {
    vaultName: vault.name
    name: secretNames.linkSigningKey
    prefix: ''
  }
}

resource previousLinkKey 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = if (!empty(previousLinkSigningKey)) {
  parent: vault
  name: secretNames.previousLinkSigningKey
  properties: { value: previousLinkSigningKey }
}
