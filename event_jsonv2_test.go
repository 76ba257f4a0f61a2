//go:build go1.27 && goexperiment.jsonv2

package wsgate_test

import (
	"encoding/json/jsontext"
	"fmt"
	"testing"

	"github.com/wsgate/wsgate/internal/test/kit"
)

// celsius has nothing but the methods of encoding/json/v2.
type celsius struct{ degrees int }

func (c celsius) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteToken(jsontext.String(fmt.Sprintf("%d C", c.degrees)))
}

func (c *celsius) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	text, err := d.ReadToken()
	if err != nil {
		return err
	}
	if _, err := fmt.Sscanf(text.String(), "%d C", &c.degrees); err != nil {
		return errOfService
	}
	return nil
}

// A type that has only those marshals itself.
func TestMarshalJSONTo(t *testing.T) {
	c := kit.Speak(t, kit.Echo[celsius]("one"), kit.Echo[struct{ T []celsius }]("many"))
	c.Asks(`{"type":"one","id":1,"data":"20 C"}`, `{"type":"one","id":1,"data":"20 C"}`)
	c.Asks(`{"type":"many","id":1,"T":["20 C","21 C"]}`, `{"type":"many","id":1,"T":["20 C","21 C"]}`)
	c.Asks(`{"type":"one","id":1,"data":"warm"}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of one does not decode"}`)
	c.Asks(`{"type":"many","id":1,"T":["20 C","warm"]}`, `{"type":"error","id":1,"code":"invalid","message":"T[1] does not decode"}`)
	c.Asks(`{"type":"many","id":1,"T":5}`, `{"type":"error","id":1,"code":"invalid","message":"T is a number, want an array"}`)
	c.Logged(0)
}
