// A bare reverse proxy of Go's standard library that reads the model's name out of a JSON body: what
// a router in Go costs before it queues, logs or counts anything.
//
//	proxy PORT BACKEND_PORT
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	target, err := url.Parse("http://127.0.0.1:" + os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.ErrorLog = log.New(io.Discard, "", 0) // clients leave as a round ends
	proxy.Transport = &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 512, DisableCompression: true}
	handle := func(writer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		var asked struct{ Model string }
		if json.Unmarshal(body, &asked) != nil || asked.Model == "" {
			http.Error(writer, "which model?", http.StatusBadRequest)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(writer, request)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(handle)))
}
