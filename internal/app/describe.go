package app

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/adapter/duck"
	"github.com/paraplu/paraplu/internal/quality"
)

// Describe profiles a file outside of any workspace: nothing is made, and large queries spill into the system's folder.
func Describe(ctx context.Context, cfg Config, path string) (*quality.Profile, error) {
	if err := cfg.checkLimits(); err != nil {
		return nil, err
	}
	return quality.New(nil, duck.New(duck.Config{Threads: cfg.Threads, MemoryLimit: cfg.Memory}), time.Now).Profile(ctx, path)
}
