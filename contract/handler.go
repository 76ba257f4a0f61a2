package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/wsgate/wsgate"
)

// Handler serves the contract of an App. It answers GET and HEAD, and with 304 who has it already. It panics if the contract
// cannot be made, see [New].
//
//	err := app.Handle("GET /asyncapi.json", contract.Handler(app))
//
// Whoever can reach it sees the names and types of all events. For a page of another origin, wrap it so that the answer has the
// header field Access-Control-Allow-Origin.
func Handler(app *wsgate.App) http.Handler { return Info{}.Handler(app) }

// Handler is the function [Handler] with this information in the document.
func (i Info) Handler(app *wsgate.App) http.Handler {
	d, err := i.New(app)
	if err != nil {
		panic(err)
	}
	text := d.JSON()
	sum := sha256.Sum256(text)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "want GET or HEAD", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", mediaType)
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache") // to be asked for again, which costs a 304
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
}

// mediaType is that of AsyncAPI documents in JSON.
const mediaType = "application/vnd.aai.asyncapi+json;version=" + version
