package event

// The verbs: one vocabulary for facts, pages and exports.
const (
	ProductSynced        = "product.synced"
	CanvasSigned         = "canvas.signed"
	DatasetPublished     = "dataset.published"
	DeliveryRefused      = "delivery.refused"
	ContractChecked      = "contract.checked"
	LeakageChecked       = "leakage.checked"
	RunFinished          = "run.finished"
	ExecutionFinished    = "execution.finished"
	PackageBuilt         = "package.built"
	PackageVerified      = "package.verified"
	GatesEvaluated       = "gates.evaluated"
	ApprovalGiven        = "approval.given"
	ApprovalRejected     = "approval.rejected"
	ModelVersioned       = "model.versioned"
	AliasSet             = "alias.set"
	DeploymentPlaced     = "deployment.placed"
	DeploymentRolledBack = "deployment.rolledback"
	TruthReceived        = "truth.received"
	WindowEvaluated      = "window.evaluated"
	AlertFired           = "alert.fired"
	IncidentOpened       = "incident.opened"
	IncidentAcknowledged = "incident.acknowledged"
	IncidentResolved     = "incident.resolved"
	RetrainDecided       = "retrain.decided"
)
