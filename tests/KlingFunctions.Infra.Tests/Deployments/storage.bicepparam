// The default: Durable on Azure Storage.
using '../../../infra/main.bicep'

param environmentName = 'sample'
param location = 'swedencentral'
param runComfyApiToken = 'marked-runcomfy-token'
param principalId = '11111111-1111-1111-1111-111111111111'
param principalType = 'User'
