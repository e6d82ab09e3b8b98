// Everything that can be chosen, chosen: the Durable Task Scheduler, a network, a given webhook secret, caps.
using '../../../infra/main.bicep'

param environmentName = 'sample'
param location = 'swedencentral'
param runComfyApiToken = 'marked-runcomfy-token'
param webhookSecret = 'marked-webhook-secret'
param durableBackend = 'dts'
param networkIsolation = true
param allowedIpRanges = '203.0.113.7, 198.51.100.0/24'
param maxJobsPerDay = 50
param maxInFlight = 5
param maximumInstanceCount = 100
param alwaysReadyForUploads = 1
param coolVideosAfterDays = 0
param deleteVideosAfterDays = 90
param deleteUploadsAfterDays = 7
param alertEmail = 'operator@example.com'
param monthlyBudget = 0
param principalId = '11111111-1111-1111-1111-111111111111'
param principalType = 'User'
