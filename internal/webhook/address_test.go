package webhook_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/webhook"
)

func TestPublic(t *testing.T) {
	for _, a := range []string{"8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "11.0.0.1", "2606:2800:220:1::1", "::ffff:8.8.8.8",
		"64:ff9b::808:808", "2002:808:808::1"} {
		if !webhook.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is public", a)
		}
	}
	for _, a := range []string{
		"127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "::", "0.1.2.3", // this machine
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "fc00::1", "fd12::1", "fec0::1", // private
		"169.254.169.254", "fe80::1", "fe80::1%eth0", // the link, where clouds keep their secrets
		"224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1", // not for one
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.0.0.1", "192.88.99.1", "2001:db8::1", "100::1", "3fff::1", "5f00::1", // reserved
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", // in the dress of IPv6
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::1", "2001::1",
	} {
		if webhook.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is not public", a)
		}
	}
	if webhook.Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestAddressesOfWebhooks(t *testing.T) {
	rc := receive(t)
	d := dbtest.SQLite(t, sources...)
	strict := build(t, d, filepath.Join(t.TempDir(), "keys"), webhook.Config{Roots: rc.roots()})
	for url, has := range map[string]string{
		"http://8.8.8.8/x": "Allowed schemes are: https.", "ftp://8.8.8.8/": "scheme", "8.8.8.8": "scheme", "": "empty", "  ": "empty",
		"https:///x": "hostname", "https://%zz": "Invalid webhook URL", "https://127.0.0.1/": "non-public", "https://[::1]/": "non-public",
		"https://10.1.2.3/": "non-public", "https://169.254.169.254/latest/meta-data": "non-public", "https://[::ffff:127.0.0.1]/": "non-public",
		"https://localhost/": "non-public", "https://user:secret@192.168.1.1/": "non-public", "https://no.such.host.invalid/": "Cannot resolve",
		"https://8.8.8.8/" + strings.Repeat("x", 2000): "maximum length",
	} {
		_, err := strict.hooks.Create(context.Background(), webhook.Input{Name: "a", URL: url, Events: []string{"prompt.created"}})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), has) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := strict.hooks.Create(context.Background(), webhook.Input{Name: "a", URL: "https://8.8.8.8/x", Events: []string{"prompt.created"}}); err != nil {
		t.Error(err)
	}
}

// A name that led to a public address when the webhook was made may lead elsewhere when it is sent: the connection itself is
// looked at, so nothing reaches a private receiver.
func TestConnectionsToPrivateAddressesAreRefused(t *testing.T) {
	rc := receive(t)
	d := dbtest.SQLite(t, sources...)
	open, strict := private(t, d, rc), build(t, d, filepath.Join(t.TempDir(), "keys"), webhook.Config{Roots: rc.roots()})
	_, port, _ := strings.Cut(strings.TrimPrefix(rc.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0", "10.0.0.1"} {
		h := open.listen("https://"+host+":"+port, "", "registered_model.created") // as if its name were public then
		result, err := strict.hooks.Test(context.Background(), h.ID, "")
		if err != nil || result.Success || !strings.Contains(result.Error, "not public") {
			t.Errorf("%s: %+v, %v", host, result, err)
		}
	}
	h := open.listen("http://127.0.0.1:"+port, "", "registered_model.created")
	if result, err := strict.hooks.Test(context.Background(), h.ID, ""); err != nil || !strings.Contains(result.Error, "scheme") {
		t.Errorf("http: %+v, %v", result, err)
	}
	strict.model("rain", nil)
	strict.start()
	strict.settle()
	strict.stop()
	for _, h := range list(t, open) {
		if d := open.one(h); d.State != webhook.Failed || d.Attempts != 1 {
			t.Errorf("%s: %+v", h.URL, d)
		}
	}
	if len(rc.got) != 0 {
		t.Error("a private receiver was reached")
	}
}

func list(t *testing.T, w *world) []webhook.Webhook {
	t.Helper()
	page, err := w.hooks.List(context.Background(), 0, "")
	must(t, err)
	return page.Webhooks
}
