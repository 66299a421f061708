package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
)

func TestWrapKeepsKindAndHint(t *testing.T) {
	base := New(NotFound, "dataset %q does not exist", "wether").WithHint("paraplu data ls").At("paraplu.yaml", 3, 7)
	err := Wrap(fmt.Errorf("loading: %w", base), "planning")
	if got := err.Error(); got != `planning: loading: paraplu.yaml:3:7: dataset "wether" does not exist` {
		t.Errorf("text = %q", got)
	}
	if !Is(err, NotFound) || HintOf(err) != "paraplu data ls" {
		t.Errorf("kind %v, hint %q", KindOf(err), HintOf(err))
	}
	if !errors.Is(err, base) {
		t.Error("cause is lost")
	}
	if two := New(Invalid, "%w and %w", base, context.Canceled); !errors.Is(two, base) || !errors.Is(two, context.Canceled) {
		t.Error("one of two causes is lost")
	}
	if Wrap(nil, "x") != nil {
		t.Error("Wrap(nil) must be nil")
	}
}

func TestKindOfForeignErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{fmt.Errorf("write: %w", syscall.ENOSPC), Exhausted},
		{fmt.Errorf("x: %w", context.Canceled), Canceled},
		{errors.New("boom"), Internal},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

func TestEveryKindHasARow(t *testing.T) {
	for k := Internal; k <= StepFailed; k++ {
		r, ok := table[k]
		if !ok || r.name == "" || r.status < 400 || r.exit == 0 {
			t.Errorf("kind %d: row %+v", k, r)
		}
	}
}
