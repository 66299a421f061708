package httpapi

import (
	"context"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/rollout"
)

// models learns which version of the registered model each package is.
func (g *page) models(ctx context.Context) error {
	g.versions = map[string]int{}
	if g.p.Model.Name == "" {
		return nil
	}
	versions, _, err := g.Steps.Registry.SearchVersions(ctx, registry.Search{Filter: "name = '" + g.p.Model.Name + "'"})
	for _, v := range versions {
		if v.Package != "" {
			g.versions[string(v.Package)] = v.Number
		}
	}
	return err
}

func (g *page) placements(ctx context.Context) error {
	all, err := g.Steps.Rollout.History(ctx, g.p.Name, g.p.Release.Environment)
	for _, d := range all {
		out := deploymentOf(d)
		out.Version = g.versions[out.Package]
		g.Deployments = append(g.Deployments, out)
		if d.Open() && d.Role == rollout.RoleChampion {
			g.Champion = &out
		}
	}
	return err
}

func deploymentOf(d rollout.Deployment) api.Deployment {
	return api.Deployment{ID: d.ID, Environment: d.Environment, Endpoint: d.Endpoint, Model: d.Model, Package: string(d.Package), From: d.From,
		To: d.To, Cause: string(d.Cause), Actor: d.Actor, Reason: d.Reason, Release: d.Release, RolledBack: d.RolledBack}
}

func (g *page) packages(ctx context.Context) error {
	all, err := g.Steps.Packs.List(ctx, g.p.Name)
	for _, p := range all {
		out := packageOf(p)
		out.Version = g.versions[out.Digest]
		g.Packages = append(g.Packages, out)
	}
	return err
}

func packageOf(p *modelpack.Package) api.Package {
	out := api.Package{Digest: string(p.Digest), Name: p.Name, Bytes: p.Size, Author: p.Actor, At: p.BuiltAt, Signed: len(p.Signatures) > 0}
	if m := p.Manifest; m != nil {
		out.Kind, out.Parity = m.Kind, m.Parity.Rows
		for _, d := range m.Lineage.Datasets {
			out.Datasets = append(out.Datasets, d.Name+"@"+d.Version)
		}
	}
	return out
}

func (g *page) releases(ctx context.Context) error {
	all, err := g.Steps.Registry.Releases(ctx, g.p.Name)
	for _, r := range all {
		out := api.Release{ID: r.ID, Environment: r.Environment, Package: string(r.Package), State: string(r.State), Live: r.Live, Author: r.Author,
			Reason: r.Reason, People: r.Policy.People, Role: r.Policy.Role, Evidence: string(r.Evidence), At: r.CreatedAt, Expires: r.ExpiresAt}
		for _, gate := range r.Gates {
			out.Gates = append(out.Gates, api.Gate{Name: gate.Name, Status: gate.Status, Observed: gate.Observed, Required: gate.Required, Detail: gate.Detail})
		}
		for _, a := range r.Approvals {
			out.Approvals = append(out.Approvals, api.Approval{Member: a.Member, Role: a.Role, Reason: a.Reason, At: a.NotBefore})
		}
		if r.Emergency != nil {
			out.Emergency = r.Emergency.Reason
		}
		g.Releases = append(g.Releases, out)
	}
	return err
}

type packInput struct {
	Digest string `path:"digest" doc:"sha256:…"`
}

func (s *server) pack(ctx context.Context, in *packInput) (*api.PackageDetail, error) {
	digest, err := ref.ParseDigest(in.Digest)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err).WithHint("the page of a product lists its packages")
	}
	p, err := s.Steps.Packs.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	out := &api.PackageDetail{Package: packageOf(p), Manifest: p.Manifest, Files: p.Files, CreatedAt: p.CreatedAt}
	for _, sig := range p.Signatures {
		out.SignedBy = append(out.SignedBy, sig.KeyHint)
	}
	return out, nil
}

type rollbackInput struct {
	Product string `path:"product" maxLength:"100" doc:"Name"`
	Body    api.Rollback
}

func (s *server) rollback(ctx context.Context, in *rollbackInput) (api.Deployment, error) {
	p, err := s.here(ctx, in.Product)
	if err != nil {
		return api.Deployment{}, err
	}
	if err := member(p, in.Body.Member); err != nil {
		return api.Deployment{}, err
	}
	d, err := s.Steps.Rollback(ctx, p, in.Body.Member, in.Body.Reason)
	if err != nil {
		return api.Deployment{}, err
	}
	return deploymentOf(*d), nil
}
