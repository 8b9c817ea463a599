"""Ruby with its own net/http."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import Notation, write

NOTATION = Notation(strings.ruby, file="encoded", pair=" => ", null="nil")

_PROGRAM = """\
require "json"
require "net/http"

uri = URI(«url»)
headers = { "Content-Type" => "application/json"«key» }

«file»
body = «body»
response = Net::HTTP.start(uri.hostname, uri.port, use_ssl: uri.scheme == "https") do |http|
  http.post(uri.request_uri, JSON.generate(body), headers)
end
abort "#{response.code} #{response.body}" unless response.code == "200"
puts response.body
"""


def program(call: Call) -> str:
    """Write the program."""
    return fill(
        _PROGRAM,
        url=strings.ruby(call.url),
        key=f', "x-api-key" => ENV.fetch("{KEY_VARIABLE}", "")' if call.key_needed else "",
        file=f'encoded = [File.binread({strings.ruby(call.file)})].pack("m0")' if call.file else "",
        body=write(call.body, NOTATION),
    )


LANGUAGE = Language("ruby", needs="Ruby 2.7", run="ruby ask.rb", program=program, aliases=("rb",))
