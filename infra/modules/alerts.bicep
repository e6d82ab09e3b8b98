// Alerts for a person. The response to each is in docs/operations.md.
param prefix string
param actionGroupName string
param budgetName string
param location string
param tags object
param workspaceName string
param topicName string

@description('The mail address for alerts. Empty: the owners of the subscription.')
param email string

param monthlyBudget int

@description('The first day of the first month of the budget.')
param budgetStart string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

var owner = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635'

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'kling'
    enabled: true
    emailReceivers: empty(email) ? [] : [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
    armRoleReceivers: empty(email) ? [{ name: 'owners', roleId: owner, useCommonAlertSchema: true }] : []
  }
}

// The metrics are those of KlingTelemetry.cs.
var metrics = [
  {
    name: 'failed-jobs'
    title: 'A job failed'
    advice: 'GET /api/videos?status=failed lists them, each with its error.code; docs/operations.md says what helps.'
    severity: 2
    query: 'AppMetrics | where Name == "kling.jobs.ended" and tostring(Properties["type"]) == "video.failed"'
  }
  {
    name: 'in-doubt'
    title: 'A submission is in doubt'
    advice: 'RunComfy may have accepted a paid request whose answer was lost: docs/operations.md, submission_in_doubt.'
    severity: 1
    query: 'AppMetrics | where Name == "kling.submissions.in_doubt"'
  }
  {
    name: 'dead-letters'
    title: 'A webhook was given up'
    advice: 'POST /api/videos/{id}/redeliver sends it again, once its receiver works.'
    severity: 2
    query: 'AppMetrics | where Name == "kling.deliveries" and tostring(Properties["state"]) == "DeadLetter"'
  }
]

resource onMetrics 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for metric in metrics: {
    name: '${prefix}${metric.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: metric.title
      description: metric.advice
      severity: metric.severity
      enabled: true
      scopes: [workspace.id]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT15M'
      criteria: {
        allOf: [
          {
            query: metric.query
            metricMeasureColumn: 'Sum'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: 0
          }
        ]
      }
      autoMitigate: false
      // A new workspace does not have this table until the app has sent data.
      skipQueryValidation: true
      actions: { actionGroups: [people.id] }
    }
  }
]

resource undeliveredEvents 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${prefix}undelivered-events'
  location: 'global'
  tags: tags
  properties: {
    description: 'Event Grid could not deliver the event of an upload to the app: the event is in the container event-dead-letters. Upload the file again.'
    severity: 2
    enabled: true
    scopes: [topic.id]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-lettered'
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

// The start of a budget can't be changed; its amount is changed in the portal.
@onlyIfNotExists()
resource budget 'Microsoft.Consumption/budgets@2024-08-01' = if (monthlyBudget > 0) {
  name: budgetName
  properties: {
    amount: monthlyBudget
    category: 'Cost'
    timeGrain: 'Monthly'
    timePeriod: { startDate: budgetStart }
    notifications: {
      reached: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Actual'
        contactEmails: []
        contactGroups: [people.id]
      }
      foreseen: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: []
        contactGroups: [people.id]
      }
    }
  }
}
