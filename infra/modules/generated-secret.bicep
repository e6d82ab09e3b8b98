// Generates a secret, if none is given. A separate template, since ARM refuses two resources of one name in one template, and the given
// secret has the same name.
param vaultName string
param name string

@description('The prefix of the base64.')
param prefix string = 'whsec_'

@description('The value at the first deployment: 64 bytes with 244 random bits.')
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
