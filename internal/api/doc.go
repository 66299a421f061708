// Package api holds what goes over the wire of the native API: requests and answers, and nothing else. The tags are the
// documentation of /api/v1/openapi.json, from which the types of the pages are generated.
//
// Rooms that have a wire form of their own (windows, incidents, bills) are used as they are: one number, one struct.
// Times are RFC 3339 in UTC, days YYYY-MM-DD, money in the unit that stands beside it, shares between 0 and 1.
package api
