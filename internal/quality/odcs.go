package quality

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

var apiVersions = []string{"v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0"}

var elementID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// contract reads the top level of ODCS v3.1. What Paraplu does not use is still checked for unknown keys.
func (r *reader) contract(n *yaml.Node, c *Contract) {
	var kind, skip string
	r.object(n, "", fields{
		"apiVersion": func(n *yaml.Node, where string) {
			r.text(&c.APIVersion)(n, where)
			if strings.HasPrefix(c.APIVersion, "v2.") {
				r.report(n, where, "convert it to v3.1.0: the keys of version 2 have other names", "contracts of version %s are not read", c.APIVersion)
			} else if !slices.Contains(apiVersions, c.APIVersion) {
				r.report(n, where, suggest(c.APIVersion, apiVersions), "%q is no known version of the standard", c.APIVersion)
			}
		},
		"kind": r.one(&kind, "DataContract"), "id": r.text(&c.ID), "name": r.text(&c.Name), "version": r.text(&c.Version), "status": r.text(&c.Status),
		"domain": r.text(&c.Domain), "tenant": nil, "dataProduct": nil, "tags": nil, "contractCreatedTs": nil, "slaDefaultElement": r.text(&skip),
		"description": func(n *yaml.Node, where string) {
			if n.Kind == yaml.ScalarNode {
				c.Purpose = n.Value
				return
			}
			r.object(n, where, fields{"purpose": r.text(&c.Purpose), "usage": nil, "limitations": nil, "authoritativeDefinitions": nil, "customProperties": nil})
		},
		"servers": func(n *yaml.Node, where string) {
			r.list(n, where, func(n *yaml.Node, where string) { r.server(n, where, c) })
		},
		"schema": func(n *yaml.Node, where string) {
			r.list(n, where, func(n *yaml.Node, where string) { r.table(n, where, c) })
		},
		"team": func(n *yaml.Node, where string) { r.team(n, where, c) },
		"slaProperties": func(n *yaml.Node, where string) {
			r.list(n, where, func(n *yaml.Node, where string) { r.sla(n, where, c) })
		},
		"support":                  r.closed("id channel url description tool scope invitationUrl customProperties"),
		"price":                    r.closed("id priceAmount priceCurrency priceUnit"),
		"roles":                    r.closed("id role access description firstLevelApprovers secondLevelApprovers customProperties"),
		"authoritativeDefinitions": r.closed("id url type description"),
		"customProperties":         r.closed("id property value description"),
	}, "apiVersion", "kind", "id", "version", "status")
}

func (r *reader) server(n *yaml.Node, where string, c *Contract) {
	if n.Kind != yaml.MappingNode {
		r.report(n, where, "", "wanted keys with values, got %s", got(n))
		return
	}
	var s Server // each type of server has keys of its own, so unknown ones are not errors here
	for i := 0; i+1 < len(n.Content); i += 2 {
		at := join(where, n.Content[i].Value)
		switch n.Content[i].Value {
		case "server":
			r.text(&s.Name)(n.Content[i+1], at)
		case "type":
			r.text(&s.Type)(n.Content[i+1], at)
		case "path":
			r.text(&s.Path)(n.Content[i+1], at)
		case "format":
			r.text(&s.Format)(n.Content[i+1], at)
		case "delimiter":
			r.text(&s.Delimiter)(n.Content[i+1], at)
		}
	}
	if s.Name == "" || s.Type == "" {
		r.report(n, where, "", "a server needs the keys server and type")
	}
	c.Servers = append(c.Servers, s)
}

func (r *reader) team(n *yaml.Node, where string, c *Contract) {
	member := func(n *yaml.Node, where string) {
		var name, role string
		r.object(n, where, fields{"id": nil, "username": r.text(&name), "name": nil, "description": nil, "role": r.text(&role), "dateIn": nil, "dateOut": nil,
			"replacedByUsername": nil, "tags": nil, "customProperties": nil, "authoritativeDefinitions": nil, "comment": nil}, "username")
		if c.Owner == "" && strings.EqualFold(role, "owner") {
			c.Owner = name
		}
	}
	if n.Kind == yaml.SequenceNode { // the form of v3.0
		r.list(n, where, member)
		return
	}
	r.object(n, where, fields{"id": nil, "name": nil, "description": nil, "tags": nil, "customProperties": nil, "authoritativeDefinitions": nil,
		"members": func(n *yaml.Node, where string) { r.list(n, where, member) }})
}

var hours = map[string]float64{"d": 24, "day": 24, "days": 24, "h": 1, "hr": 1, "hour": 1, "hours": 1, "m": 1. / 60, "min": 1. / 60, "minute": 1. / 60, "minutes": 1. / 60, "w": 168, "week": 168, "weeks": 168}

func (r *reader) sla(n *yaml.Node, where string, c *Contract) {
	var property, value, unit, element string
	r.object(n, where, fields{"id": nil, "property": r.text(&property), "value": r.text(&value), "valueExt": nil, "unit": r.text(&unit), "element": r.text(&element),
		"driver": nil, "description": nil, "scheduler": nil, "schedule": nil, "customProperties": nil, "authoritativeDefinitions": nil}, "property", "value")
	if !strings.EqualFold(property, "latency") || element == "" {
		return
	}
	object, column, ok := strings.Cut(element, ".")
	amount, err := strconv.ParseFloat(value, 64)
	if factor, known := hours[strings.ToLower(unit)]; known && ok && err == nil && amount > 0 {
		c.Latencies = append(c.Latencies, Latency{Object: object, Column: column, Hours: amount * factor, Place: at(n)})
	} else {
		r.report(n, where, "", "a latency needs a positive value, a unit (d, h, m) and an element such as object.column")
	}
}

const relationship = "id type from to customProperties"

func (r *reader) table(n *yaml.Node, where string, c *Contract) {
	o := Object{Place: at(n)}
	var logical string
	r.object(n, where, fields{
		"name": r.text(&o.Name), "id": r.id, "physicalName": r.text(&o.PhysicalName), "physicalType": nil, "logicalType": r.one(&logical, "object"),
		"businessName": nil, "description": r.text(&o.Description), "dataGranularityDescription": nil, "relationships": r.closed(relationship), "tags": nil,
		"customProperties": r.closed("id property value description"), "authoritativeDefinitions": nil,
		"properties": func(n *yaml.Node, where string) {
			r.list(n, where, func(n *yaml.Node, where string) { r.property(n, where, &o) })
		},
		"quality": func(n *yaml.Node, where string) {
			r.list(n, where, func(n *yaml.Node, where string) { r.rule(n, where, &o.Rules, "") })
		},
	}, "name")
	for _, other := range c.Objects {
		if other.Name == o.Name {
			r.report(n, where, "", "the object %q is written twice", o.Name)
		}
	}
	c.Objects = append(c.Objects, o)
}

func (r *reader) id(n *yaml.Node, where string) {
	var id string
	r.text(&id)(n, where)
	if id != "" && !elementID.MatchString(id) {
		r.report(n, where, "use letters, digits, _ and -", "%q is no identifier", id)
	}
}

var logicalTypes = []string{"string", "date", "timestamp", "time", "number", "integer", "boolean", "object", "array"}

func (r *reader) property(n *yaml.Node, where string, o *Object) {
	p := Property{Place: at(n)}
	var key bool
	position := int64(-1)
	var options *yaml.Node
	r.object(n, where, fields{
		"name": r.text(&p.Name), "id": r.id, "logicalType": r.one(&p.Type, logicalTypes...), "physicalName": r.text(&p.Column),
		"logicalTypeOptions": func(n *yaml.Node, _ string) { options = n },
		"required":           r.boolean(&p.Required), "unique": r.boolean(&p.Unique), "primaryKey": r.boolean(&key), "primaryKeyPosition": r.whole(&position, -1),
		"classification": r.text(&p.Classification), "description": r.text(&p.Description),
		"customProperties": func(n *yaml.Node, where string) {
			r.list(n, where, func(n *yaml.Node, where string) {
				var name, value string
				r.object(n, where, fields{"id": nil, "description": nil, "property": r.text(&name), "value": func(n *yaml.Node, _ string) { value = n.Value }}, "property", "value")
				switch {
				case name == "unit":
					p.Unit = value
				case name == "on_fail" && value == "quarantine":
					p.Aside = true
				case name == "on_fail":
					r.report(n, where, "the only value here is quarantine", "on_fail: %s is not known", value)
				}
			})
		},
		"quality": func(n *yaml.Node, where string) {
			r.list(n, where, func(n *yaml.Node, where string) { r.rule(n, where, &p.Rules, p.Name) })
		},
		"physicalType": nil, "businessName": nil, "partitioned": nil, "partitionKeyPosition": nil, "encryptedName": nil, "transformSourceObjects": nil,
		"transformLogic": nil, "transformDescription": nil, "examples": nil, "criticalDataElement": nil, "relationships": r.closed(relationship), "tags": nil,
		"authoritativeDefinitions": nil, "properties": nil, "items": nil,
	}, "name")
	if p.Column == "" {
		p.Column = p.Name
	}
	if options != nil {
		p.Options.Place = at(options)
		r.options(options, join(where, "logicalTypeOptions"), &p)
	}
	if key {
		p.KeyPosition = max(1, int(position))
	}
	for _, other := range o.Properties {
		if other.Column == p.Column {
			r.report(n, where, "", "the column %q is written twice; first on line %d", p.Column, other.Place.Line)
		}
		if key && other.KeyPosition == p.KeyPosition && position > 0 {
			r.report(n, where, "", "primaryKeyPosition %d is taken by %q", position, other.Name)
		}
	}
	o.Properties = append(o.Properties, p)
}
