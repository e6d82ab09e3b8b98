#!/bin/sh
# After each deployment: connects upload events to the app, and prints the next steps. Can be repeated: azd hooks run postdeploy
set -eu

if ! command -v az > /dev/null; then
  echo "The Azure CLI (az) is missing: install it from https://aka.ms/azure-cli, then run 'az login' and 'azd hooks run postdeploy'." >&2
  exit 1
fi
if ! az account show --subscription "$AZURE_SUBSCRIPTION_ID" --output none 2> /dev/null; then
  echo "The Azure CLI may not see the subscription $AZURE_SUBSCRIPTION_ID: run 'az login', then 'azd hooks run postdeploy'." >&2
  exit 1
fi

app="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$AZURE_RESOURCE_GROUP/providers/Microsoft.Web/sites/$AZURE_FUNCTION_APP_NAME"

# Secrets that could not be read while roles were propagating would otherwise be tried again only after hours.
az rest --method post --output none \
  --url "https://management.azure.com$app/config/configreferences/appsettings/refresh?api-version=2022-03-01" 2> /dev/null ||
  echo "The references to the vault were not refreshed. If /api/health does not answer, restart the app."

tries=20
try=1
while ! trouble=$(
  az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" --name upload-events \
    --template-file "$(dirname "$0")/../upload-events.bicep" --output none \
    --parameters appName="$AZURE_FUNCTION_APP_NAME" topicName="$AZURE_EVENT_GRID_TOPIC_NAME" storageName="$AZURE_STORAGE_ACCOUNT_NAME" 2>&1
); do
  if [ "$try" -ge "$tries" ]; then
    echo "$trouble" >&2
    echo "Uploads do not start jobs yet: the app did not accept the events in $tries tries. HTTP works. Run 'azd hooks run postdeploy' later." >&2
    exit 1
  fi
  echo "The app is not ready for events yet, which takes some minutes after the first deployment: try $try of $tries, again in 30 s."
  try=$((try + 1))
  sleep 30
done

cat << END

KlingFunctions is at $AZURE_FUNCTION_APP_URL, and uploads to $AZURE_STORAGE_ACCOUNT_NAME/uploads start jobs. A job costs money at RunComfy: a validation tells the price.

  KEY=\$(az functionapp keys list -g $AZURE_RESOURCE_GROUP -n $AZURE_FUNCTION_APP_NAME --query functionKeys.default -o tsv)
  curl $AZURE_FUNCTION_APP_URL/api/health
  curl $AZURE_FUNCTION_APP_URL/api/videos/validate -H "x-functions-key: \$KEY" -H 'Content-Type: application/json' -d @request.json
  az storage blob upload --auth-mode login --account-name $AZURE_STORAGE_ACCOUNT_NAME -c uploads -f request.json -n request.json
END
