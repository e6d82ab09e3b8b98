// A secret, if none is given. In a template of its own: the given one has the same name, and ARM refuses two of one name in one template.
param vaultName string
param name string

@description('What stands before the base64.')
param prefix string = 'whsec_'

@description('What it becomes at the first deployment: 64 bytes, of which 244 bits are random.')
@secure()
param value string = '${prefix}${base64(replace('${newGuid()}${newGuid()}', '-', ''))}'

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

@onlyIfNotExists()
resource secret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: name
  properties: { value: value }
}
