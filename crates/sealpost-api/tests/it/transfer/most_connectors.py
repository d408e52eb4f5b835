"""No more connectors than the configuration allows."""

from caller import client, connector, done, refused

caller = client()
first = connector(caller)
connector(caller)
refused("InvalidRequestException", "", lambda: connector(caller))
caller.delete_connector(ConnectorId=first)
connector(caller)
done()
