package httpapi

import (
	"context"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/lineage"
)

type lineageInput struct {
	Ref       string `query:"ref" required:"true" maxLength:"500" doc:"Such as weather@v3, weather@2015-06-01, weather@gold, package:bc4a71180870, deployment:<id>"`
	Direction string `query:"direction" enum:"upstream,downstream" default:"upstream"`
	Depth     int    `query:"depth" minimum:"0" maximum:"64" doc:"Edges away; 0 = as far as it goes"`
}

func (s *server) lineage(ctx context.Context, in *lineageInput) (*lineage.Graph, error) {
	if s.Lineage == nil {
		return nil, fault.New(fault.Unsupported, "this server keeps no lineage")
	}
	thing := in.Ref
	if s.Product != nil && s.Steps != nil {
		if p, err := s.Product(ctx); err == nil && p != nil {
			if thing, err = s.Steps.Thing(ctx, p.Name, thing); err != nil {
				return nil, err
			}
		}
	}
	if in.Direction == lineage.Down {
		return s.Lineage.Downstream(ctx, thing, in.Depth)
	}
	return s.Lineage.Upstream(ctx, thing, in.Depth)
}
