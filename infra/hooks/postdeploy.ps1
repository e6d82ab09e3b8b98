# After each deployment: connects upload events to the app, and prints the next steps. Can be repeated: azd hooks run postdeploy
$ErrorActionPreference = 'Stop'

if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Write-Error "The Azure CLI (az) is missing: install it from https://aka.ms/azure-cli, then run 'az login' and 'azd hooks run postdeploy'."
}
az account show --subscription $env:AZURE_SUBSCRIPTION_ID --output none 2> $null
if ($LASTEXITCODE -ne 0) {
    Write-Error "The Azure CLI may not see the subscription ${env:AZURE_SUBSCRIPTION_ID}: run 'az login', then 'azd hooks run postdeploy'."
}

$app = "/subscriptions/${env:AZURE_SUBSCRIPTION_ID}/resourceGroups/${env:AZURE_RESOURCE_GROUP}/providers/Microsoft.Web/sites/${env:AZURE_FUNCTION_APP_NAME}"

# Secrets that could not be read while roles were propagating would otherwise be tried again only after hours.
az rest --method post --output none --url "https://management.azure.com$app/config/configreferences/appsettings/refresh?api-version=2022-03-01" 2> $null
if ($LASTEXITCODE -ne 0) {
    Write-Host 'The references to the vault were not refreshed. If /api/health does not answer, restart the app.'
}

$template = Join-Path (Split-Path $PSScriptRoot) 'upload-events.bicep'
$tries = 20
for ($try = 1; ; $try++) {
    $trouble = az deployment group create --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP --name upload-events `
        --template-file $template --output none `
        --parameters "appName=${env:AZURE_FUNCTION_APP_NAME}" "topicName=${env:AZURE_EVENT_GRID_TOPIC_NAME}" "storageName=${env:AZURE_STORAGE_ACCOUNT_NAME}" 2>&1
    if ($LASTEXITCODE -eq 0) { break }
    if ($try -ge $tries) {
        $trouble | Out-Host
        Write-Error "Uploads do not start jobs yet: the app did not accept the events in $tries tries. HTTP works. Run 'azd hooks run postdeploy' later."
    }
    Write-Host "The app is not ready for events yet, which takes some minutes after the first deployment: try $try of $tries, again in 30 s."
    Start-Sleep -Seconds 30
}

Write-Host @"

KlingFunctions is at ${env:AZURE_FUNCTION_APP_URL}, and uploads to ${env:AZURE_STORAGE_ACCOUNT_NAME}/uploads start jobs. A job costs money at RunComfy: a validation tells the price.

  `$KEY = az functionapp keys list -g ${env:AZURE_RESOURCE_GROUP} -n ${env:AZURE_FUNCTION_APP_NAME} --query functionKeys.default -o tsv
  curl ${env:AZURE_FUNCTION_APP_URL}/api/health
  curl ${env:AZURE_FUNCTION_APP_URL}/api/videos/validate -H "x-functions-key: `$KEY" -H 'Content-Type: application/json' -d '@request.json'
  az storage blob upload --auth-mode login --account-name ${env:AZURE_STORAGE_ACCOUNT_NAME} -c uploads -f request.json -n request.json
"@
