package transfer

import (
	"context"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

// tagSource keeps where an imported version was said to come from.
const tagSource = "paraplu.source.uri"

// registered brings registered models with versions and aliases.
func (im *importing) registered(ctx context.Context) error {
	im.count(func(_ *Report, p *Progress) { p.Doing = "the registry" })
	return im.src.Registered(ctx, func(m registry.Model, versions []registry.Version) error {
		mark, was := markRegistered(m), im.known[kindRegistered][m.Name].Mark
		if im.DryRun {
			im.count(func(r *Report, _ *Progress) {
				tally(&r.Registered, was, mark)
				for _, v := range versions {
					tally(&r.Versions, im.known[kindVersion][versionID(v)].Mark, markVersion(v))
				}
			})
			return nil
		}
		clean, err := im.registeredModel(ctx, m, versions, was == mark)
		im.count(func(r *Report, _ *Progress) {
			if err != nil || !clean {
				r.Registered.Failed++
			} else {
				tally(&r.Registered, was, mark)
			}
		})
		if err != nil || !clean {
			return im.problem("registered model "+m.Name, err)
		}
		return im.tracking.NoteKnown(ctx, im.Peer, tracking.Known{Kind: kindRegistered, ID: m.Name, Other: im.Prefix + m.Name, Mark: mark})
	})
}

func versionID(v registry.Version) string { return fmt.Sprintf("%s/%d", v.Model, v.Number) }

// registeredModel tells whether all of the model came; a version or alias that did not is a problem already.
func (im *importing) registeredModel(ctx context.Context, m registry.Model, versions []registry.Version, same bool) (clean bool, err error) {
	here := m
	here.Name = im.Prefix + m.Name
	if !same {
		if _, err := im.registry.ImportModel(ctx, here); err != nil {
			return false, err
		}
	}
	clean, touched := true, false
	for _, v := range versions {
		made, err := im.version(ctx, v)
		if err != nil {
			clean = false
			im.count(func(r *Report, _ *Progress) { r.Versions.Failed++ })
			if err := im.problem(fmt.Sprintf("version %d of registered model %s", v.Number, m.Name), err); err != nil {
				return false, err
			}
		}
		touched = touched || made
	}
	if same {
		return clean, nil
	}
	for alias, n := range m.Aliases {
		err := im.registry.SetAlias(ctx, here.Name, alias, n, im.Actor)
		if err == nil {
			touched = true
			im.count(func(r *Report, _ *Progress) { r.Aliases++ })
			continue
		}
		clean = false
		if err := im.problem("alias "+alias+" of registered model "+m.Name, err); err != nil {
			return false, err
		}
	}
	if touched { // the times of the source again
		_, err = im.registry.ImportModel(ctx, here)
	}
	return clean, err
}

// version brings a version, its source as the place where the files are now.
func (im *importing) version(ctx context.Context, v registry.Version) (made bool, err error) {
	id, mark := versionID(v), markVersion(v)
	was, again := im.known[kindVersion][id]
	if again && was.Mark == mark {
		im.count(func(r *Report, _ *Progress) { r.Versions.Same++ })
		return false, nil
	}
	source, err := im.newPlace(ctx, v.Source)
	if err != nil {
		return false, err
	}
	if source != v.Source {
		v.Tags = tagged(v.Tags, tagSource, v.Source)
	}
	if v.Location, err = im.newPlace(ctx, v.Location); err != nil {
		return false, err
	}
	v.Source = source
	if logged, ok := strings.CutPrefix(source, "models:/m-"); ok {
		if uri, _, err := im.tracking.ResolveLogged(ctx, "m-"+logged); err == nil {
			v.Location = uri
		} else {
			im.note("version "+id, "its logged model m-"+logged+" is not in the source any more")
		}
	}
	v.Model = im.Prefix + v.Model
	// The note comes first: a version without its note would look like somebody else's.
	note := tracking.Known{Kind: kindVersion, ID: id, Other: versionID(v)}
	if !again {
		if _, err := im.registry.GetVersion(ctx, v.Model, v.Number); err != nil { // free
			if err := im.tracking.NoteKnown(ctx, im.Peer, note); err != nil {
				return false, err
			}
			again = true
		}
	}
	if made, err = im.registry.ImportVersion(ctx, v, again); err != nil {
		return false, err
	}
	im.count(func(r *Report, _ *Progress) { tally(&r.Versions, was.Mark, mark) })
	note.Mark = mark
	return made, im.tracking.NoteKnown(ctx, im.Peer, note)
}

// newPlace gives where files are now that were at uri: below the artifacts of a run or logged model that came over. A place
// outside of them stays what it is.
func (im *importing) newPlace(ctx context.Context, uri string) (string, error) {
	rest := ""
	for at := uri; ; {
		if root, ok := im.places[at]; ok {
			dir, err := im.placeOf(ctx, root)
			if err != nil {
				return uri, nil // the run did not come over, which is said already
			}
			return tracking.ArtifactRoot + dir + rest, nil
		}
		i := strings.LastIndexByte(at, '/')
		if i < 0 {
			return uri, nil
		}
		at, rest = at[:i], uri[i:]
	}
}
