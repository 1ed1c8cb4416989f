"""What reaches what in the networks of document 1, over the templates of all accounts."""

from ipaddress import ip_address

import pytest
from reachability import Network, Place, _policy_allows, told
from simulator import Request
from templates import Templates

from medallion_platform.settings import load

SETTINGS = load(environ={})
COMPUTING = {
    "engineering": ["raw", "trusted"],
    "serving": ["refined"],
    "consumers": ["workspace"],
}


def connected(templates: Templates) -> Network:
    templates.parameters.update(told(templates))
    return Network(templates, SETTINGS.s3_prefix_list)


@pytest.fixture(scope="module")
def network(platform: Templates) -> Network:
    return connected(platform)


@pytest.fixture(scope="module")
def peered(tmp_path_factory) -> Network:
    parts = {"connection": "peering", "database": True}
    return connected(Templates.of(tmp_path_factory.mktemp("peered"), parts=parts))


def clusters(network: Network, account: str, group: str) -> list[Place]:
    return network.places(f"-{account}-network", group, "workspace")


def every_cluster(network: Network) -> list[Place]:
    return [
        place
        for account, groups in COMPUTING.items()
        for group in groups
        for place in clusters(network, account, group)
    ]


def reading(zone: str, account: str = "engineering", action: str = "s3:GetObject") -> Request:
    by = f"arn:aws:iam::{SETTINGS.account(account)}:role/any"
    return Request(by, action, f"arn:aws:s3:::{SETTINGS.bucket(zone)}/x")


def ways(network: Network, account: str, group: str, zone: str) -> set[str]:
    return {network.reaches_s3(place, reading(zone, account)) for place in clusters(network, account, group)}


@pytest.mark.parametrize(
    ("account", "group", "zone"),
    [
        ("engineering", "raw", "landing"),
        ("engineering", "raw", "raw"),
        ("engineering", "trusted", "raw"),
        ("engineering", "trusted", "trusted"),
        ("serving", "refined", "trusted"),
        ("serving", "refined", "refined"),
        ("consumers", "workspace", "refined"),
    ],
)
def test_clusters_reach_their_zones_by_the_endpoint(network, account, group, zone):
    assert ways(network, account, group, zone) == {"endpoint"}


@pytest.mark.parametrize(
    ("account", "group", "zone"),
    [
        ("engineering", "raw", "trusted"),
        ("engineering", "raw", "refined"),
        ("engineering", "trusted", "refined"),
        ("engineering", "trusted", "landing"),
        ("serving", "refined", "raw"),
        ("serving", "refined", "landing"),
        ("consumers", "workspace", "trusted"),
        ("consumers", "workspace", "raw"),
    ],
)
def test_clusters_reach_no_other_zone_by_any_way(network, account, group, zone):
    assert ways(network, account, group, zone) == {""}


def test_a_bucket_of_somebody_else_is_not_reached_nor_a_zone_by_somebody_elses_role(network):
    [place, _] = clusters(network, "engineering", "raw")
    own = reading("raw")
    assert network.reaches_s3(place, own) == "endpoint"
    assert network.reaches_s3(place, Request(own.by, "s3:PutObject", "arn:aws:s3:::elsewhere/x")) == ""
    assert (
        network.reaches_s3(place, Request("arn:aws:iam::999999999999:role/x", own.action, own.resource)) == ""
    )


def test_no_network_of_document_1_has_a_way_to_the_internet(network, platform):
    for place in every_cluster(network):
        assert not network.reaches_internet(place, "203.0.113.5", 443), place.subnet.id
    for type_ in ("AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::EgressOnlyInternetGateway"):
        for account in COMPUTING:
            assert not list(platform.resources(type_, stack=f"-{account}-network")), type_


@pytest.mark.parametrize("service", ["kms", "logs", "monitoring", "secretsmanager", "sts"])
def test_clusters_reach_the_services_they_need_in_every_account(network, service):
    for place in every_cluster(network):
        assert network.reaches_service(place, f".{service}"), place.subnet.id


def test_clusters_reach_databricks_by_private_links_on_its_ports_alone(network):
    for place in every_cluster(network):
        for service in (SETTINGS.databricks.workspace_service, SETTINGS.databricks.relay_service):
            for port in (443, 6666, 8443, 8451):
                assert network.reaches_service(place, service, port), (place.subnet.id, port)
            for port in (22, 80, 3306, 8452):
                assert not network.reaches_service(place, service, port), (place.subnet.id, port)


def test_kinesis_is_reached_where_there_are_streams_and_only_by_our_roles(network):
    [place, _] = clusters(network, "engineering", "raw")
    stream = f"arn:aws:kinesis:eu-west-1:{SETTINGS.account('engineering')}:stream/medallion-events"
    asked = Request(SETTINGS.role("engineering-workspace"), "kinesis:GetRecords", stream)
    assert network.reaches_service(place, ".kinesis-streams", 443, asked)
    stranger = Request("arn:aws:iam::999999999999:role/x", "kinesis:GetRecords", stream)
    assert not network.reaches_service(place, ".kinesis-streams", 443, stranger)


def test_clusters_write_the_logs_of_databricks_to_its_streams_and_to_no_other(network):
    theirs = SETTINGS.databricks.aws_account
    by = f"arn:aws:iam::{theirs}:role/logs"
    for place in every_cluster(network):
        for account, reached in (
            (theirs, True),
            (SETTINGS.account("engineering"), False),
            ("999999999999", False),
        ):
            stream = f"arn:aws:kinesis:eu-west-1:{account}:stream/x"
            asked = Request(by, "kinesis:PutRecords", stream)
            assert network.reaches_service(place, ".kinesis-streams", 443, asked) is reached, account


def test_machines_of_a_cluster_reach_each_other_in_both_availability_zones(network):
    for account, groups in COMPUTING.items():
        for group in groups:
            one, other = clusters(network, account, group)
            assert one.subnet.properties["AvailabilityZone"] != other.subnet.properties["AvailabilityZone"]
            assert network.connects(one, other, 7077) and network.connects(other, one, 40000)


@pytest.mark.parametrize("which", ["network", "peered"])
def test_the_database_is_for_the_first_and_the_second_account_on_its_port(which, request):
    network = request.getfixturevalue(which)
    for database in network.places("-engineering-network", "database", "database"):
        for account, group in (("engineering", "raw"), ("engineering", "trusted"), ("serving", "refined")):
            for place in clusters(network, account, group):
                assert network.connects(place, database, 5432), (account, group)
                assert not network.connects(place, database, 22), (account, group)
        for place in clusters(network, "consumers", "workspace"):
            assert not network.connects(place, database, 5432), "account 3"
        for place in network.places("-engineering-network", "raw", "migration"):
            assert network.connects(place, database, 5432), "DMS"
        for place in network.places("-engineering-network", "raw", "functions"):
            assert not network.connects(place, database, 5432), "functions"


@pytest.mark.parametrize("which", ["network", "peered"])
def test_no_cluster_reaches_one_of_another_account(which, request):
    network = request.getfixturevalue(which)
    for one in every_cluster(network):
        for other in every_cluster(network):
            if one.vpc != other.vpc:
                for port in (22, 443, 7077, 5432):
                    assert not network.connects(one, other, port), (one.subnet.id, other.subnet.id, port)


@pytest.mark.parametrize("which", ["network", "peered"])
def test_the_third_account_is_not_routed_to_the_first_not_even_without_acls(which, request):
    network = request.getfixturevalue(which)
    [place, _] = clusters(network, "consumers", "workspace")
    for goal in network.places("-engineering-network", "database", "database"):
        assert not network._routes(place.subnet, goal) and not network._routes(goal.subnet, place)
    [refined, _] = clusters(network, "serving", "refined")
    assert network._routes(place.subnet, refined) and network._routes(refined.subnet, place)


def test_what_is_for_on_premises_is_no_way_for_clusters_to_another_bucket(network, platform):
    for place in every_cluster(network):
        assert not network.reaches_service(place, ".s3"), place.subnet.id
        assert not network.reaches_service(place, ".datasync"), place.subnet.id
    [s3] = [
        one
        for one in platform.resources("AWS::EC2::VPCEndpoint")
        if one.properties["ServiceName"].endswith(".s3") and one.properties["VpcEndpointType"] == "Interface"
    ]
    assert s3.properties["PrivateDnsEnabled"] is False, "else S3's own name leads here, past the gateways"
    for zone, reached in (("landing", True), ("raw", False), ("trusted", False)):
        assert _policy_allows(s3, reading(zone, action="s3:PutObject")) is reached
    own = reading("landing")
    assert not _policy_allows(s3, Request(own.by, "s3:PutObject", "arn:aws:s3:::elsewhere/x"))


def test_files_and_the_agent_of_datasync_come_from_on_premises_by_a_private_link(network):
    for entry in network.places("-engineering-network", "endpoints", "entry"):
        office = entry.address.__class__("192.168.1.1")
        for port, let in ((443, True), (1024, True), (1064, True), (22, False), (1065, False), (5432, False)):
            lets = network._group_lets(entry, "in", office, port, frozenset()) and network._acl_lets(
                entry.subnet, egress=False, address=office, port=port
            )
            assert lets is let, port


# What ACLs let through by themselves: an address of each network, the ports of a few, and of an answer.
WHO = {
    "engineering": "10.10.9.9", "serving": "10.20.9.9", "consumers": "10.30.9.9", "edge": "10.40.9.9",
    "standby": "10.50.9.9", "office": "192.168.1.1", "world": "203.0.113.5",
}  # fmt: skip
SSH, WEB, SQL, REPLY = 22, 443, 5432, 50000
ALL, ANSWERS = {SSH, WEB, SQL, REPLY}, {SQL, REPLY}  # answers go to ports above 1023


def everybody(ports, **but):
    return dict.fromkeys(WHO, ports) | but


def acl_of_clusters(own, **more):
    """Databricks refuses a network of clusters whose ACLs do not let all in."""
    return everybody(ALL), everybody({WEB}, **{own: ALL}, **more)


def acl_to_itself(own, *more):
    return {who: {WEB} for who in (own, *more)}, dict.fromkeys((own, *more), ANSWERS)


def acl_of_transit(*accounts):
    return (dict.fromkeys(accounts, ALL),) * 2


BEHIND_NAT = everybody(ANSWERS, edge=ALL), everybody({WEB}, edge=ALL)
ACLS = {
    ("engineering-network", "raw"): acl_of_clusters("engineering", standby={WEB, SQL}),
    ("engineering-network", "trusted"): acl_of_clusters("engineering", standby={WEB, SQL}),
    ("engineering-network", "lakehouse"): acl_of_clusters("engineering", standby={WEB, SQL}),
    ("engineering-network", "endpoints"): acl_to_itself("engineering", "office"),
    ("engineering-network", "database"): (
        {"engineering": {SQL}, "serving": {SQL}},
        {"engineering": ANSWERS, "serving": ANSWERS},
    ),
    ("engineering-network", "transit"): acl_of_transit("engineering", "serving", "standby"),
    ("serving-network", "refined"): acl_of_clusters("serving", engineering={WEB, SQL}, standby={WEB, SQL}),
    ("serving-network", "endpoints"): acl_to_itself("serving"),
    ("serving-network", "transit"): acl_of_transit("engineering", "serving", "consumers", "standby"),
    ("consumers-network", "workspace"): acl_of_clusters("consumers"),
    ("consumers-network", "endpoints"): acl_to_itself("consumers"),
    ("consumers-network", "transit"): acl_of_transit("serving", "consumers"),
    ("serving-edge", "public"): (everybody({WEB, *ANSWERS}), everybody({WEB, *ANSWERS}, edge=ALL)),
    ("serving-edge", "analytics"): BEHIND_NAT,
    ("serving-edge", "processing"): BEHIND_NAT,
    ("serving-edge", "endpoints"): acl_to_itself("edge"),
    ("serving-edge", "warehouse"): BEHIND_NAT,
    ("engineering-standby", "database"): (
        {who: {SQL} for who in ("engineering", "serving", "standby")},
        dict.fromkeys(("engineering", "serving", "standby"), ANSWERS),
    ),
    ("engineering-standby", "transit"): acl_of_transit("engineering", "serving", "standby"),
}


def test_acls_let_through_what_each_group_is_for_whatever_security_groups_say(network, platform):
    known = 0
    for (stack, group), expected in ACLS.items():
        for subnet in network.subnets(f"-{stack}", group):
            found: tuple[dict, dict] = ({}, {})
            for way, egress in enumerate((False, True)):
                for who, address in WHO.items():
                    for port in ALL:
                        if network._acl_lets(subnet, egress=egress, address=ip_address(address), port=port):
                            found[way].setdefault(who, set()).add(port)
            assert found == expected, (stack, group)
            known += 1
    assert known == len(list(platform.resources("AWS::EC2::Subnet")))


def test_every_group_of_subnets_is_in_two_availability_zones_and_hands_out_no_public_address(platform):
    zones: dict[str, set[str]] = {}
    for subnet in platform.resources("AWS::EC2::Subnet"):
        assert subnet.properties["MapPublicIpOnLaunch"] is False, subnet.id
        [name] = [tag["Value"][:-2] for tag in subnet.properties["Tags"] if tag["Key"] == "Name"]
        zones.setdefault(name, set()).add(subnet.properties["AvailabilityZone"])
    assert len(zones) >= 14
    others = {name: len(found) for name, found in zones.items() if len(found) != 2}
    assert others == {"medallion-edge-warehouse": 3}, "Redshift Serverless asks for three"


def test_the_transit_gateway_is_for_the_platforms_accounts_and_routes_nothing_unsaid(platform):
    gateways = [each.properties for each in platform.resources("AWS::EC2::TransitGateway")]
    assert len(gateways) == 2, "one in each region"
    for gateway in gateways:
        assert gateway["AutoAcceptSharedAttachments"] == "disable"
        assert gateway["DefaultRouteTableAssociation"] == gateway["DefaultRouteTablePropagation"] == "disable"
    share = platform.one("AWS::RAM::ResourceShare").properties
    assert share["AllowExternalPrincipals"] is False
    assert share["Principals"] == [SETTINGS.account("serving"), SETTINGS.account("consumers")]


def test_the_load_balancer_speaks_tls_alone_and_logs_who_asks(platform):
    listener = platform.one("AWS::ElasticLoadBalancingV2::Listener").properties
    assert listener["Protocol"] == "HTTPS" and "TLS13" in listener["SslPolicy"]
    attributes = platform.one("AWS::ElasticLoadBalancingV2::LoadBalancer").properties[
        "LoadBalancerAttributes"
    ]
    found = {each["Key"]: each["Value"] for each in attributes}
    assert (
        found["access_logs.s3.enabled"] == found["routing.http.drop_invalid_header_fields.enabled"] == "true"
    )
    assert found["access_logs.s3.bucket"] == SETTINGS.bucket("access-logs-serving")


def test_on_premises_enters_the_first_account_alone_and_reaches_the_private_links(network, platform):
    [propagated] = platform.resources("AWS::EC2::VPNGatewayRoutePropagation")
    assert propagated.stack.name.endswith("-engineering-network")
    assert len(propagated.properties["RouteTableIds"]) == 3
    for interface in network.places("-engineering-network", "endpoints", "endpoints"):
        office = interface.address.__class__("192.168.1.1")
        assert network._group_lets(interface, "in", office, 443, frozenset())
        assert network._acl_lets(interface.subnet, egress=False, address=office, port=443)
        assert network._acl_lets(interface.subnet, egress=True, address=office, port=50000)
        assert not network._group_lets(interface, "in", office, 22, frozenset())
    for database in network.places("-engineering-network", "database", "database"):
        assert not network._acl_lets(database.subnet, egress=False, address=office, port=5432)
    [vpn] = platform.resources("AWS::EC2::VPNConnection")
    assert (
        vpn.properties["StaticRoutesOnly"] is False
        and len(vpn.properties["VpnTunnelOptionsSpecifications"]) == 2
    )
    [direct] = platform.resources("AWS::DirectConnect::DirectConnectGatewayAssociation")
    assert direct.properties["AllowedPrefixesToDirectConnectGateway"] == [SETTINGS.networks.engineering]


def test_every_vpc_logs_all_its_traffic(platform):
    logged = {log.properties["ResourceId"] for log in platform.resources("AWS::EC2::FlowLog")}
    assert logged == {vpc.id for vpc in platform.resources("AWS::EC2::VPC")}
    assert {log.properties["TrafficType"] for log in platform.resources("AWS::EC2::FlowLog")} == {"ALL"}


def test_no_security_group_admits_addresses_but_named_ones(network):
    """From everywhere in, and everywhere out, nothing is let by a security group of document 1."""
    for name, rules in network.rules.items():
        if "serving-edge" in name:
            continue
        for rule in (*rules["in"], *rules["out"]):
            assert rule.get("CidrIp") != "0.0.0.0/0", name


# Between the regions


def test_the_database_in_region_b_is_for_the_same_clusters_by_peered_gateways_and_answers_them(network):
    for database in network.places("-engineering-standby", "database", "database"):
        for account, group in (("engineering", "raw"), ("engineering", "trusted"), ("serving", "refined")):
            for place in clusters(network, account, group):
                assert network.connects(place, database, 5432), (account, group)
                assert not network.connects(place, database, 22), (account, group)
        for place in clusters(network, "consumers", "workspace"):
            assert not network._routes(place.subnet, database), "account 3"
            assert not network._routes(database.subnet, place), "account 3"
        for place in network.places("-engineering-network", "raw", "functions"):
            assert not network.connects(place, database, 5432), "functions"


def test_the_database_in_region_b_opens_no_connection_and_has_no_way_to_the_internet(network):
    for database in network.places("-engineering-standby", "database", "database"):
        for place in every_cluster(network):
            for port in (22, 443, 5432, 7077):
                assert not network.connects(database, place, port), place.subnet.id
        assert not network.reaches_internet(database, "203.0.113.5", 443)
        assert network.reaches_s3(database, reading("raw")) == ""


def test_without_its_route_back_nothing_crosses(platform):
    """The follower does look at both gateways."""
    network = connected(platform)
    [place, _] = clusters(network, "serving", "refined")
    [database, _] = network.places("-engineering-standby", "database", "database")
    assert network._routes(place.subnet, database) and network._routes(database.subnet, place)
    stack = platform.stacks["medallion-engineering-crossing"]
    whole = stack.template["Resources"]
    kept = {name: each for name, each in whole.items() if "peeringroute" not in name}
    assert len(kept) == len(whole) - 1
    stack.template["Resources"] = kept
    try:
        assert not network._routes(place.subnet, database)
        assert network._routes(database.subnet, place)
    finally:
        stack.template["Resources"] = whole


def test_by_peering_of_networks_alone_the_regions_are_apart(tmp_path_factory):
    parts = {"connection": "peering", "database": True, "rds": True, "failover": True}
    network = connected(Templates.of(tmp_path_factory.mktemp("apart"), parts=parts))
    for database in network.places("-engineering-standby", "database", "database"):
        for place in every_cluster(network):
            assert not network._routes(place.subnet, database)


# Document 2


def edge(network: Network, group: str, *security_groups: str) -> list[Place]:
    return network.places("-serving-edge", group, *(f"edge-{name}" for name in security_groups))


def test_only_the_private_subnets_of_document_2_have_nat_and_only_for_tls(network, platform):
    for place in edge(network, "processing", "processing"):
        assert network.reaches_internet(place, "203.0.113.5", 443)
        assert not network.reaches_internet(place, "203.0.113.5", 80)
    for place in (*edge(network, "analytics", "redshift"), *edge(network, "endpoints", "endpoints")):
        assert not network.reaches_internet(place, "203.0.113.5", 443)
    routed = {
        subnet.properties["Tags"][0]["Value"]
        for subnet in platform.resources("AWS::EC2::Subnet")
        if network._target(subnet, ip_address("203.0.113.5"))[0] == "NatGatewayId"
    }
    assert routed == {
        f"medallion-edge-{group}-{letter}" for group in ("analytics", "processing") for letter in "ab"
    }, "whatever security groups say"


def test_from_the_internet_only_the_load_balancer_is_reached_and_only_by_tls(network):
    for place in edge(network, "public", "balancer"):
        assert network.is_reached_from_internet(place, "203.0.113.5", 443)
        for port in (22, 80, 5439):
            assert not network.is_reached_from_internet(place, "203.0.113.5", port), port
    for group, security_group in (
        ("processing", "processing"),
        ("analytics", "redshift"),
        ("analytics", "quicksight"),
        ("endpoints", "endpoints"),
    ):
        for place in edge(network, group, security_group):
            assert not network.is_reached_from_internet(place, "203.0.113.5", 443), group


def test_dashboards_and_jobs_reach_redshift_and_its_answers_reach_quicksight(network):
    for redshift in edge(network, "analytics", "redshift"):
        for asking in (*edge(network, "analytics", "quicksight"), *edge(network, "processing", "processing")):
            assert network.connects(asking, redshift, 5439)
            assert not network.connects(asking, redshift, 22)
        for balancer in edge(network, "public", "balancer"):
            assert not network.connects(balancer, redshift, 5439)
    for quicksight in edge(network, "analytics", "quicksight"):
        for redshift in edge(network, "analytics", "redshift"):
            assert network._group_lets(quicksight, "in", redshift.address, 50000, redshift.groups)


def test_document_2_reaches_trusted_and_refined_by_the_endpoint_and_services_by_private_links(network):
    for place in edge(network, "processing", "processing"):
        for zone, way in (("trusted", "endpoint"), ("refined", "endpoint"), ("raw", ""), ("landing", "")):
            assert network.reaches_s3(place, reading(zone, "serving")) == way, zone
        for service in (
            "athena",
            "glue",
            "kms",
            "lambda",
            "kinesis-streams",
            "redshift-data",
            "emr-serverless",
        ):
            assert network.reaches_service(place, f".{service}"), service


def test_document_2_is_apart_from_the_networks_of_document_1(network):
    for place in edge(network, "processing", "processing"):
        for cluster in every_cluster(network):
            assert not network._routes(place.subnet, cluster)
