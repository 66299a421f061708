package app

import (
	"context"
	"errors"
	"time"

	"github.com/paraplu/paraplu/internal/event"
)

// errNotYet says that a deployment was decided and does not answer yet.
var errNotYet = errors.New("a deployment does not answer yet")

// watchDeployments records when each deployment began to answer: the second clock beside the moment of the decision.
func (a *App) watchDeployments(ctx context.Context) {
	event.Watch(ctx, a.DB, 500*time.Millisecond, a.markEffective, func(err error) {
		if !errors.Is(err, errNotYet) {
			a.cfg.Logger.Warn("the start of a deployment could not be recorded", "error", err)
		}
	})
}

func (a *App) markEffective(ctx context.Context) error {
	open, err := a.Rollout.Current(ctx)
	if err != nil {
		return err
	}
	waiting := false
	for _, d := range open {
		if !d.EffectiveAt.IsZero() {
			continue
		}
		name := d.Endpoint
		if name == "" {
			name = d.Model
		}
		m, err := a.Serving.Model(name, "")
		if err != nil || !m.Ready || m.Live.Deployment != d.ID {
			waiting = true
			continue
		}
		if err := a.Rollout.MarkEffective(ctx, d.ID, m.Since); err != nil {
			return err
		}
	}
	if waiting {
		return errNotYet
	}
	return nil
}
